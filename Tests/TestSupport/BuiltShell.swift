import Foundation

/// Runs the built `lunavisor` as a user would, in a store of its own.
public struct BuiltShell: Sendable {
    /// What one run printed and how it ended.
    public struct Outcome: Sendable {
        public var output: String
        public var errors: String
        public var status: Int32
    }

    /// The executable: `LUNAVISOR_BINARY`, else the release build beside the tests; nil when it is not built.
    public static let executable: String? = {
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let candidates: [String?] = [
            ProcessInfo.processInfo.environment["LUNAVISOR_BINARY"],
            repository.appendingPathComponent(".build/release/lunavisor").path,
        ]
        return candidates.compactMap { $0 }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// The repository's root.
    public static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Folder of the guest that Scripts/guest-image builds; nil when it is not there.
    public static let guest: String? = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "/root") + "/.cache"
        let folder = environment["LUNAVISOR_GUEST_CACHE"] ?? cache + "/lunavisor/guest"
        return FileManager.default.fileExists(atPath: folder + "/vmlinuz") ? folder : nil
    }()

    public let store: URL
    let executable: String

    /// nil when the shell is not built.
    public init?() throws {
        guard let executable = Self.executable else { return nil }
        self.executable = executable
        store = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-test-\(UUID().uuidString)")
    }

    /// Runs `lunavisor --store STORE ARGUMENTS` with `input` on standard input, until it ends.
    public func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["--store", store.path] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (standardInput, output, errors) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (standardInput, output, errors)
        try process.run()
        let collected = Collected()
        let readers = [(output, 0), (errors, 1)].map { pipe, slot in
            let thread = Thread { collected.take(pipe.fileHandleForReading.readDataToEndOfFile(), slot) }
            thread.start()
            return thread
        }
        try? standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try? standardInput.fileHandleForWriting.close()
        process.waitUntilExit()
        withExtendedLifetime(readers) { collected.wait() }
        return Outcome(output: collected.text(0), errors: collected.text(1), status: process.terminationStatus)
    }

    /// `lunavisor -c COMMANDS`.
    public func command(_ commands: String) throws -> Outcome { try run(["-c", commands]) }

    /// Stops what still runs in the store and deletes it.
    public func clean() {
        _ = try? command("Get-VM | Where-Object State -ne Off | Stop-VM -TurnOff -Force")
        try? FileManager.default.removeItem(at: store)
    }

    /// Safety of the unchecked conformance: all fields are touched under the condition's lock.
    private final class Collected: @unchecked Sendable {
        private let condition = NSCondition()
        private var data: [Data?] = [nil, nil]

        func take(_ bytes: Data, _ slot: Int) {
            condition.lock()
            data[slot] = bytes
            condition.broadcast()
            condition.unlock()
        }

        func wait() {
            condition.lock()
            while data.contains(where: { $0 == nil }) { condition.wait() }
            condition.unlock()
        }

        func text(_ slot: Int) -> String {
            condition.lock()
            defer { condition.unlock() }
            return String(decoding: data[slot] ?? Data(), as: UTF8.self)
        }
    }
}

import Foundation

/// Runs the built `lunavisor` as a user would, in a store of its own.
public struct BuiltShell: Sendable {
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
    public func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws -> ForeignProgram.Outcome {
        try ForeignProgram.run(
            executable, ["--store", store.path] + arguments, input: input,
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
    }

    /// `lunavisor -c COMMANDS`.
    public func command(_ commands: String) throws -> ForeignProgram.Outcome { try run(["-c", commands]) }

    /// Stops what still runs in the store and deletes it.
    public func clean() {
        _ = try? command("Get-VM | Where-Object State -ne Off | Stop-VM -TurnOff -Force")
        try? FileManager.default.removeItem(at: store)
    }
}

import Foundation

/// A `lunavisor` that runs beside the test, its output collected in files.
public struct RunningShell: Sendable {
    public let process: ChildProcess
    private let files: (output: URL, errors: URL)

    init(_ executable: String, _ arguments: [String], environment: [String: String]) throws {
        let folder = FileManager.default.temporaryDirectory
        let name = "lunavisor-run-\(UUID().uuidString)"
        files = (folder.appendingPathComponent(name + ".out"), folder.appendingPathComponent(name + ".err"))
        process = try ChildProcess(
            executable, arguments, environment: environment, streams: ("/dev/null", files.output.path, files.errors.path))
    }

    public var output: String { (try? String(contentsOf: files.output, encoding: .utf8)) ?? "" }
    public var errors: String { (try? String(contentsOf: files.errors, encoding: .utf8)) ?? "" }

    /// How it ended; a shell that still runs after `seconds` is killed and nil returned. Its files are read first.
    public func end(within seconds: Double) -> (ending: ChildProcess.Ending?, output: String, errors: String) {
        let ending = process.ending(within: seconds)
        if ending == nil {
            process.signal(SIGKILL)
            _ = process.ending(within: 5)
        }
        defer { for file in [files.output, files.errors] { try? FileManager.default.removeItem(at: file) } }
        return (ending, output, errors)
    }
}

extension BuiltShell {
    /// Starts `lunavisor --store STORE ARGUMENTS` and returns at once.
    public func begin(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningShell {
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        return try RunningShell(executable, ["--store", store.path] + arguments, environment: all)
    }

    /// What a Lua expression gives, as `print` writes it.
    public func value(_ expression: String) throws -> String {
        let outcome = try command("print(\(expression))")
        guard outcome.status == 0 else { throw ChildProcess.Failure(description: outcome.errors) }
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    /// The process of a machine's worker.
    public func worker(of name: String) throws -> pid_t {
        let text = try value("(Get-VM '\(name)').WorkerProcessId")
        guard let identifier = pid_t(text) else { throw ChildProcess.Failure(description: "“\(name)” has no worker: \(text)") }
        return identifier
    }

    /// Creates a machine with a kernel of the test's own, written into the store's folder.
    public func makeMachine(_ name: String, running program: TinyKernel, memory: String = "32MB", more: String = "") throws {
        let kernel = try file("\(name)-kernel", program.image)
        let outcome = try command("New-VM \(name) -NoVHD -MemoryStartupBytes \(memory) -KernelPath '\(kernel)' \(more) | Out-Null")
        guard outcome.status == 0 else { throw ChildProcess.Failure(description: outcome.errors) }
    }

    /// Creates a file beside the store's machines; its path.
    public func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let folder = store.appendingPathComponent("test-files")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file.path
    }
}

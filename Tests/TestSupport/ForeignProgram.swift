import Foundation

/// A program that a test runs to its end.
///
/// Foundation's `Process` is not used in tests: its start copies whole directory records of /proc/self/fd (280 bytes each, where the
/// last ones of a full buffer have fewer) and so reads past the buffer's end once the test process holds some 1,350 descriptors.
public enum ForeignProgram {
    /// What one run printed and how it ended; 128 and the signal's number when a signal ended it, as in a shell.
    public struct Outcome: Sendable {
        public var output: String
        public var errors: String
        public var status: Int32
    }

    /// Runs `executable` with `input` on standard input. One that still runs after `seconds` is killed, and the call throws.
    public static func run(
        _ executable: String, _ arguments: [String], input: String = "",
        environment: [String: String] = ProcessInfo.processInfo.environment, within seconds: Double = 900
    ) throws -> Outcome {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let names = (
            input: folder.appendingPathComponent("in"), output: folder.appendingPathComponent("out"),
            errors: folder.appendingPathComponent("err")
        )
        try Data(input.utf8).write(to: names.input)
        let process = try ChildProcess(
            executable, arguments, environment: environment, streams: (names.input.path, names.output.path, names.errors.path))
        guard let ending = process.ending(within: seconds) else {
            process.signal(SIGKILL)
            _ = process.ending(within: 5)
            throw ChildProcess.Failure(description: "\(executable) still ran after \(seconds) s")
        }
        func text(_ file: URL) throws -> String { String(decoding: try Data(contentsOf: file), as: UTF8.self) }
        let status =
            switch ending {
            case .exited(let code): code
            case .killed(let signal): 128 + signal
            }
        return Outcome(output: try text(names.output), errors: try text(names.errors), status: status)
    }
}

import CLua
import Cmdlets
import Glibc

/// Front doors that run one program: a file, the text of `-c`, standard input.
public enum ProgramRunner {
    /// Runs a script file; its exit code.
    public static func runFile(_ path: String, in session: Session) -> Int32 {
        do { return run(try FileText.read(path), name: "@\(path)", in: session) } catch {
            session.show(ScriptFailure(ErrorRecord(error)))
            return 1
        }
    }

    /// Runs the text of `-c`.
    public static func runCommands(_ text: String, in session: Session) -> Int32 { run(Array(text.utf8), name: "=-c", in: session) }

    /// Runs standard input as a script.
    public static func runStandardInput(in session: Session) -> Int32 {
        do { return run(try FileText.read(descriptor: 0, name: "standard input"), name: "=stdin", in: session) } catch {
            session.show(ScriptFailure(ErrorRecord(error)))
            return 1
        }
    }

    private static func run(_ program: [UInt8], name: String, in session: Session) -> Int32 {
        lv_lua_catch_signals(session.interpreter.lua)
        defer { lv_lua_catch_signals(nil) }
        if program.first == 27 {
            session.show(
                ScriptFailure(
                    ErrorRecord("Binary chunks are refused.", "BinaryChunk", .invalidData, action: "Run the program's source."),
                    source: Session.shownName(name)))
            return 1
        }
        let code = exitCode(session.run(program, name: name), session)
        return session.endJobs() && code == 0 ? 1 : code
    }

    /// The exit code of `language.md` for a program that ended so; shows its error.
    static func exitCode(_ outcome: Outcome, _ session: Session) -> Int32 {
        // What Lua's own io library still holds goes out here.
        let problem = fflush(nil) == 0 ? nil : String(cString: strerror(errno))
        switch outcome {
        case .finished:
            let terminal = session.terminal as? StandardTerminal
            if terminal?.isOutputClosed ?? false { return 141 }
            // What was written is not there: a script that went well all the same has not done its work.
            guard let problem = terminal?.outputProblem ?? problem else { return 0 }
            session.terminal.writeError("lunavisor: standard output: \(problem).\n")
            return 1
        case .failed(let failure):
            session.show(failure)
            return 1
        case .interrupted:
            let signal = lv_lua_last_signal()
            return signal == 0 ? 130 : 128 + signal
        case .exit(let code): return code
        }
    }
}

/// Reading whole files.
enum FileText {
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ErrorRecord(
                "\(path): \(String(cString: strerror(errno))).", "FileNotReadable", .readError,
                action: "Check the path and its permissions.")
        }
        defer { close(descriptor) }
        return try read(descriptor: descriptor, name: path)
    }

    static func read(descriptor: Int32, name: String) throws -> [UInt8] {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return text }
            if count < 0 {
                if errno == EINTR { continue }
                throw ErrorRecord("\(name): \(String(cString: strerror(errno))).", "FileNotReadable", .readError)
            }
            text += buffer[..<count]
        }
    }
}

import Basics
import CLua
import Cmdlets
import Glibc
import Management

/// `lunavisor test`: each file in a process and a store of its own, several at once when asked; a readable report, TAP and JUnit files,
/// and an exit code.
public final class ScenarioRunner {
    private let options: ScenarioOptions
    private var results = ScenarioResults()
    private var listed = 0
    private var wasStopped = false
    private var running: [ScenarioProcess] = []
    /// Lines about the files that run, printed when a file has ended where several run at once.
    private var held: [ObjectIdentifier: [String]] = [:]
    private var complete: Set<ObjectIdentifier> = []
    /// The case that each file is in.
    private var current: [ObjectIdentifier: String] = [:]

    public init(_ options: ScenarioOptions) { self.options = options }

    /// 0: all passed; 1: a failure or a file that does not load; 2: no test was found; 128 and the signal: stopped.
    public func run() -> Int32 {
        // Before a night's work: can its results be written?
        for path in [options.tap, options.junit].compactMap({ $0 }) where path != "-" {
            guard write("", to: path) else { return 2 }
        }
        lv_lua_catch_signals(nil)
        _ = lv_lua_take_signal()
        let start = HostTime.seconds()
        let seed = options.seed ?? UInt32.random(in: 0...UInt32.max)
        let files = options.files
        var waiting = (0..<max(1, options.repeats)).flatMap { round in files.map { (file: $0, seed: seed &+ UInt32(round)) } }[...]
        while !waiting.isEmpty && !wasStopped || !running.isEmpty {
            while !wasStopped, running.count < max(1, options.jobs), let next = waiting.popFirst() { begin(next.file, next.seed) }
            collect()
        }
        return finish(HostTime.seconds() - start)
    }

    private func finish(_ seconds: Double) -> Int32 {
        let count = results.cases.count
        if options.lists {
            say("\(listed) \(listed == 1 ? "case" : "cases")")
        } else {
            say("\(results.passed) passed, \(results.failed) failed, \(results.skipped) pending, \(Self.shown(seconds))")
        }
        var isWritten = true
        if let tap = options.tap { isWritten = write(results.tap, to: tap) && isWritten }
        if let junit = options.junit { isWritten = write(results.junit, to: junit) && isWritten }
        if wasStopped { return 128 + max(SIGINT, lv_lua_last_signal()) }
        if results.failed > 0 || !isWritten { return 1 }
        return count == 0 && listed == 0 ? 2 : 0
    }

    // MARK: Files

    private var isAlone: Bool { options.jobs <= 1 }

    private func begin(_ file: String, _ seed: UInt32) {
        if isAlone { say(file) }
        do {
            let arguments = ["test", "--quiet"] + options.arguments(for: file, seed: seed)
            running.append(try ScenarioProcess(file, seed: seed, arguments: arguments, isAlone: isAlone, keepsOutputFree: reportsToOutput))
        } catch {
            results.add(.init(file: file, name: file, seconds: 0, end: .failed(ErrorRecord(error).message)))
            show("  FAIL  \(file)\n        \(ErrorRecord(error).message)", nil)
        }
    }

    /// Waits for something to be told, and takes it.
    private func collect() {
        var polled = running.map { pollfd(fd: $0.reports, events: Int16(POLLIN), revents: 0) }
        if poll(&polled, nfds_t(polled.count), 200) < 0, errno != EINTR { return }
        let signal = lv_lua_take_signal()
        if signal != 0 {
            // The first one lets each case clean up, the second cuts that short.
            wasStopped = true
            for process in running { process.signal(signal) }
        }
        for process in running {
            guard let records = process.records() else {
                end(process)
                continue
            }
            for record in records { take(record, process) }
        }
    }

    private func take(_ record: ScenarioRecord, _ process: ScenarioProcess) {
        let key = ObjectIdentifier(process)
        switch record {
        case .listed(let name):
            listed += 1
            show("  \(name)", process)
        case .started(let name): current[key] = name
        case .passed(let name, let seconds):
            results.add(.init(file: process.file, name: name, seconds: seconds, end: .passed))
            show("  pass  \(name) (\(Self.shown(seconds)))", process)
            current[key] = nil
        case .skipped(let name, let reason):
            results.add(.init(file: process.file, name: name, seconds: 0, end: .skipped(reason)))
            show("  skip  \(name): \(reason)", process)
            current[key] = nil
        case .failed(let name, let seconds, let text):
            fail(name, seconds, text, process)
            current[key] = nil
        case .stopped:
            wasStopped = true
            complete.insert(key)
        case .ended: complete.insert(key)
        }
    }

    private func fail(_ name: String, _ seconds: Double, _ text: String, _ process: ScenarioProcess) {
        let isCase = name != process.file && !name.hasSuffix(": setup") && !name.hasSuffix(": teardown")
        let again = options.command(file: process.file, name: isCase ? name : nil, seed: process.seed)
        let text = text + "\nto run it again: \(again)"
        results.add(.init(file: process.file, name: name, seconds: seconds, end: .failed(text)))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { "\n        \($0)" }
        show("  FAIL  \(name)" + lines.joined(), process)
    }

    private func end(_ process: ScenarioProcess) {
        running.removeAll { $0 === process }
        let key = ObjectIdentifier(process)
        let killer = process.end()
        if !complete.contains(key), !wasStopped {
            let name = current[key] ?? process.file
            fail(name, 0, "The file's process ended before its cases had: \(killer ?? "it exited").", process)
        }
        if !isAlone {
            say(([process.file] + (held[key] ?? [])).joined(separator: "\n"))
            let printed = process.printed()
            if !printed.isEmpty {
                say("  printed:")
                for line in printed.split(separator: "\n", omittingEmptySubsequences: true) { say("    \(line)") }
            }
        }
        (held[key], current[key]) = (nil, nil)
        complete.remove(key)
    }

    // MARK: Output

    /// A report was asked for on standard output.
    private var reportsToOutput: Bool { options.tap == "-" || options.junit == "-" }

    /// A line of the report, at once or when its file has ended.
    private func show(_ line: String, _ process: ScenarioProcess?) {
        if let process, !isAlone { held[ObjectIdentifier(process), default: []].append(line) } else { say(line) }
    }

    private func say(_ line: String) {
        // Standard output belongs to a report that was asked for there.
        if reportsToOutput { return }
        print(line)
        fflush(nil)
    }

    private func write(_ text: String, to path: String) -> Bool {
        if path == "-" {
            print(text, terminator: "")
            fflush(nil)
            return true
        }
        let file = fopen(path, "w")
        var isWritten = file != nil
        if let file {
            isWritten = fputs(text, file) >= 0
            isWritten = fclose(file) == 0 && isWritten
        }
        if !isWritten {
            fflush(nil)
            let message = "lunavisor: The results cannot be written to “\(path)”: \(String(cString: strerror(errno))).\n"
            _ = Array(message.utf8).withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
        }
        return isWritten
    }

    private static func shown(_ seconds: Double) -> String { NumberText.fixed(seconds, digits: 2) + " s" }
}

extension ErrorRecord {
    static func processFailed(_ code: Int32) -> ErrorRecord {
        ErrorRecord("No process could be started: \(String(cString: strerror(code))).", "ProcessFailed", .resourceUnavailable)
    }
}

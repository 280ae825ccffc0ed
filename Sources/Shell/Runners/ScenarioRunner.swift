import Basics
import CLua
import Cmdlets
import Glibc
import Management

/// `lunavisor test`: each file in a store of its own, a readable report, and an exit code.
public final class ScenarioRunner {
    /// How results are printed.
    public enum Report: String, CaseIterable, Sendable { case text, tap }

    private let options: SessionOptions
    private let starter: any WorkerStarter
    private let report: Report
    private var passed = 0
    private var failed = 0
    private var pending = 0
    private var number = 0
    private var isStopped = false

    public init(options: SessionOptions, starter: any WorkerStarter, report: Report) {
        (self.options, self.starter, self.report) = (options, starter, report)
    }

    /// Runs the files (and the `*.lua` files of folders). 0: all passed; 1: a failure or a file that does not load; 2: no test was
    /// found; 130: Ctrl-C.
    public func run(_ paths: [String]) -> Int32 {
        let files = paths.flatMap(Self.files)
        if report == .tap { print("TAP version 13") }
        let start = HostTime.seconds()
        for file in files where !isStopped { runFile(file) }
        let total = passed + failed + pending
        if report == .tap {
            print("1..\(number)")
        } else {
            print("\(passed) passed, \(failed) failed, \(pending) pending, \(Self.shown(HostTime.seconds() - start))")
        }
        fflush(nil)
        if isStopped { return 128 + (lv_lua_last_signal() == 0 ? SIGINT : lv_lua_last_signal()) }
        if failed > 0 { return 1 }
        return total == 0 ? 2 : 0
    }

    /// A file as it is; a folder's scripts, sorted.
    private static func files(_ path: String) -> [String] {
        guard let folder = opendir(path) else { return [path] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".lua") { names.append(name) }
        }
        return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }

    // MARK: One file

    private func runFile(_ path: String) {
        if report == .text { print(path) }
        var template = Array(((getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") + "/lunavisor-test-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            return fail(path, "No folder can be made for the store: \(String(cString: strerror(errno)))")
        }
        let store = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let host = VirtualMachineHost(storePath: store, starter: starter)
        do {
            var options = options
            options.scriptName = path
            let session = try Session(host: host, options: options)
            lv_lua_catch_signals(session.interpreter.lua)
            defer { lv_lua_catch_signals(nil) }
            let text = try FileText.read(path)
            let runner = ScenarioFile(runner: self, session: session, host: host)
            runner.run(text, path)
        } catch { fail(path, ErrorRecord(error).message) }
        let left = Self.stopAll(host)
        if left { FolderRemoval.remove(store) }
    }

    /// Turns off what still runs; true when nothing does any more.
    static func stopAll(_ host: VirtualMachineHost, except kept: Set<String> = []) -> Bool {
        let machines = (try? host.machines()) ?? []
        var isClean = true
        for machine in machines where !kept.contains(machine.id.description) {
            guard Self.isRunning(machine) else { continue }
            do { try machine.turnOff(force: true) } catch { isClean = false }
        }
        return isClean
    }

    static func isRunning(_ machine: VirtualMachine) -> Bool {
        guard let status = try? machine.status() else { return false }
        return ![.off, .saved, .offCritical].contains(status.state)
    }

    // MARK: Report

    fileprivate func pass(_ name: String, _ seconds: Double) {
        passed += 1
        number += 1
        print(report == .tap ? "ok \(number) - \(name)" : "  pass  \(name) (\(Self.shown(seconds)))")
        fflush(nil)
    }

    fileprivate func skip(_ name: String, _ reason: String) {
        pending += 1
        number += 1
        print(report == .tap ? "ok \(number) - \(name) # SKIP \(reason)" : "  skip  \(name): \(reason)")
    }

    fileprivate func fail(_ name: String, _ text: String) {
        failed += 1
        number += 1
        let mark = report == .tap ? "# " : "        "
        print(report == .tap ? "not ok \(number) - \(name)" : "  FAIL  \(name)")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { print(mark + line) }
        fflush(nil)
    }

    fileprivate func stop() { isStopped = true }
    fileprivate var wasStopped: Bool { isStopped }

    private static func shown(_ seconds: Double) -> String { NumberText.fixed(seconds, digits: 2) + " s" }
}

/// One scenario file while it runs.
final class ScenarioFile {
    private unowned let runner: ScenarioRunner
    private let session: Session
    private let host: VirtualMachineHost
    private var start = 0.0
    private var runningBefore: Set<String> = []

    init(runner: ScenarioRunner, session: Session, host: VirtualMachineHost) {
        (self.runner, self.session, self.host) = (runner, session, host)
    }

    func run(_ text: [UInt8], _ path: String) {
        session.scenario = self
        defer { session.scenario = nil }
        let state = session.interpreter.state
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        let outcome = session.guarded {
            try session.loadScenarioPrelude()
            // stack: run
            try session.compile(text, name: "@\(path)")
            _ = try session.interpreter.callOnStack(arguments: 0, results: 0)
            _ = try session.interpreter.callOnStack(arguments: 0, results: 0)
        }
        switch outcome {
        case .finished: break
        case .failed(let failure): runner.fail(path, Self.text(failure))
        case .interrupted: runner.stop()
        case .exit(let code): runner.fail(path, "os.exit(\(code)) was called in a scenario.")
        }
    }

    /// What the vocabulary in Lua tells: start, pass, fail, pending; `stopped` asks.
    func report(_ event: String, _ name: String, _ call: NativeCall) -> Bool {
        switch event {
        case "stopped": return session.interpreter.shouldStop || runner.wasStopped
        case "start":
            start = HostTime.seconds()
            runningBefore = Set(((try? host.machines()) ?? []).filter(ScenarioRunner.isRunning).map { $0.id.description })
        case "pass":
            runner.pass(name, HostTime.seconds() - start)
            endCase()
        case "pending": runner.skip(name, call.text(3) ?? "no reason")
        default:
            var text = call.text(3) ?? "failed"
            if case .opaque(let value)? = try? call.value(3), let failure = value as? ScriptFailure { text = Self.text(failure) }
            runner.fail(name, text + consoles())
            endCase()
        }
        return false
    }

    private func endCase() { _ = ScenarioRunner.stopAll(host, except: runningBefore) }

    private static func text(_ failure: ScriptFailure) -> String {
        failure.displayText + (failure.record.recommendedAction.map { "\n\($0)" } ?? "")
    }

    /// The last lines of each console and the events, kept with a failure.
    private func consoles() -> String {
        var text = ""
        for machine in (try? host.machines()) ?? [] {
            if let events = try? machine.events(last: 5), !events.isEmpty {
                text += "\nevents of \(machine.name):"
                for event in events { text += "\n  \(event.message)" }
            }
            if let console = try? machine.console().tail(lines: 20), !console.bytes.isEmpty {
                text += "\nconsole of \(machine.name):"
                for line in console.text.split(whereSeparator: \.isNewline) { text += "\n  \(line)" }
            }
        }
        return text
    }
}

/// Removing a test's store.
package enum FolderRemoval {
    package static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR, let folder = opendir(path) else {
            unlink(path)
            return
        }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        closedir(folder)
        for name in names { remove("\(path)/\(name)") }
        rmdir(path)
    }
}

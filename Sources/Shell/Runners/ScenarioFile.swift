import Basics
import CLua
import Cmdlets
import Glibc
import Management

/// One scenario file in its process and its store: runs its cases and tells of them.
public final class ScenarioFile {
    private let options: ScenarioOptions
    private let path: String
    private let session: Session
    private let host: VirtualMachineHost
    private let seed: UInt32
    private var start = 0.0
    private var runningBefore: Set<String> = []
    private var filter: (any PatternMatcher)?
    /// What was gathered of the machines when the case failed, before its clean-up.
    private var evidence = ""
    private var failures = 0
    private var keptFolder: String?
    private var isStopped = false

    private init(_ options: ScenarioOptions, _ path: String, _ session: Session, _ host: VirtualMachineHost) throws {
        (self.options, self.path, self.session, self.host) = (options, path, session, host)
        seed = options.seed ?? 0
        if let filter = options.filter { self.filter = try? session.context.matcher(filter, ignoringCase: true) }
    }

    /// Runs the one file of `options`, which must name the descriptor to report to. The exit code tells nothing.
    public static func run(_ options: ScenarioOptions, _ sessionOptions: SessionOptions, starter: any WorkerStarter) -> Int32 {
        guard let path = options.paths.first, let descriptor = options.reportsTo else { return 2 }
        // A runner that is gone is the error of the write that meets it.
        Glibc.signal(SIGPIPE, SIG_IGN)
        let reporter = Reporter(descriptor: descriptor)
        var template = Array("\(ScenarioProcess.temporaryFolder)/lunavisor-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            reporter.send(
                .failed(path, seconds: 0, text: "No folder can be made for the store: \(String(cString: strerror(errno)))."))
            reporter.send(.ended)
            return 1
        }
        let store = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let host = VirtualMachineHost(storePath: store, starter: starter)
        do {
            if let architecture = options.architecture { try host.configure(architecture: architecture) }
            var sessionOptions = sessionOptions
            sessionOptions.scriptName = path
            let session = try Session(host: host, options: sessionOptions)
            lv_lua_catch_signals(session.interpreter.lua)
            defer { lv_lua_catch_signals(nil) }
            let text = try FileText.read(path)
            let file = try ScenarioFile(options, path, session, host)
            file.reporter = reporter
            file.run(text)
        } catch { reporter.send(.failed(path, seconds: 0, text: ErrorRecord(error).message)) }
        if stopAll(host) { FolderRemoval.remove(store) }
        reporter.send(.ended)
        return 0
    }

    private final class Reporter {
        private let descriptor: Int32
        /// The runner does not listen any more.
        private(set) var isGone = false
        init(descriptor: Int32) { self.descriptor = descriptor }

        func send(_ record: ScenarioRecord) {
            fflush(nil)
            var bytes = Array((record.line + "\n").utf8)[...]
            while !bytes.isEmpty, !isGone {
                let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if count > 0 { bytes = bytes.dropFirst(count) } else if count == 0 || errno != EINTR { isGone = true }
            }
        }
    }
    private var reporter = Reporter(descriptor: -1)

    private func run(_ program: [UInt8]) {
        session.scenario = self
        defer { session.scenario = nil }
        let state = session.interpreter.state
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        let outcome = session.guarded {
            try session.loadScenarioPrelude()
            // stack: run
            try session.compile(program, name: "@\(path)")
            _ = try session.interpreter.callOnStack(arguments: 0, results: 0)
            _ = try session.interpreter.callOnStack(arguments: 0, results: 0)
        }
        switch outcome {
        case .finished: break
        case .failed(let failure): reporter.send(.failed(path, seconds: 0, text: text(failure, nil)))
        case .interrupted: reporter.send(.stopped)
        case .exit(let code): reporter.send(.failed(path, seconds: 0, text: "os.exit(\(code)) was called in a scenario."))
        }
    }

    // MARK: What the vocabulary in Lua asks and tells

    func report(_ event: String, _ name: String, _ call: NativeCall) -> Value {
        switch event {
        case "stopped": return .boolean(session.interpreter.shouldStop || isStopped || reporter.isGone)
        case "file": return .string("@\(path)")
        case "seed": return .integer(Int64(seed))
        case "wanted": return .boolean(isWanted(name))
        case "listing": return .boolean(options.lists)
        case "list": reporter.send(.listed(name))
        case "start":
            start = HostTime.seconds()
            evidence = ""
            runningBefore = Set(((try? host.machines()) ?? []).filter(Self.isRunning).map { $0.id.description })
            reporter.send(.started(name))
        // The case failed and its clean-up begins.
        case "failing": evidence = gather()
        case "pass":
            reporter.send(.passed(name, seconds: HostTime.seconds() - start))
            endCase()
        case "pending": reporter.send(.skipped(name, reason: call.text(3) ?? "no reason"))
        default:
            let line = call.integer(4).map { Int($0) }
            var problem = call.text(3) ?? "failed"
            if case .opaque(let value)? = try? call.value(3), let failure = value as? ScriptFailure {
                problem = text(failure, line)
            } else {
                problem += quoted(line, in: problem)
            }
            if evidence.isEmpty { evidence = gather() }
            let seconds = start == 0 ? 0 : HostTime.seconds() - start
            reporter.send(.failed(name, seconds: seconds, text: problem + evidence + "\nseed \(seed)" + keep(name, problem)))
            evidence = ""
            endCase()
        }
        return .boolean(false)
    }

    /// By its tags, and by the filter as a text or as a regular expression.
    private func isWanted(_ name: String) -> Bool {
        if !options.tags.isEmpty {
            let own = Set(name.split(separator: " ").filter { $0.hasPrefix("#") }.map { $0.dropFirst().lowercased() })
            guard options.tags.contains(where: { own.contains($0.lowercased()) }) else { return false }
        }
        guard let text = options.filter else { return true }
        if text.isEmpty || name.lowercased().contains(text.lowercased()) { return true }
        return ((try? filter?.firstMatch(in: name)) ?? nil) != nil
    }

    private func endCase() { _ = Self.stopAll(host, except: runningBefore) }

    // MARK: Machines

    /// Turns off what still runs; true when nothing does any more.
    private static func stopAll(_ host: VirtualMachineHost, except kept: Set<String> = []) -> Bool {
        let machines = (try? host.machines()) ?? []
        var isClean = true
        for machine in machines where !kept.contains(machine.id.description) {
            guard isRunning(machine) else { continue }
            do { try machine.turnOff(force: true) } catch { isClean = false }
        }
        return isClean
    }

    private static func isRunning(_ machine: VirtualMachine) -> Bool {
        guard let status = try? machine.status() else { return false }
        return ![.off, .saved, .offCritical].contains(status.state)
    }

    // MARK: What a failure tells

    private func text(_ failure: ScriptFailure, _ line: Int?) -> String {
        let own = failure.source == path && failure.line > 0 ? failure.line : line
        return failure.displayText + quoted(own, in: failure.displayText)
            + (failure.record.recommendedAction.map { "\n\($0)" } ?? "")
    }

    /// The script's line, and where it stands unless the message says so already.
    private func quoted(_ line: Int?, in message: String) -> String {
        guard let line, let lines = session.sources[path], line > 0, line <= lines.count else { return "" }
        let text = lines[line - 1].drop { $0 == " " || $0 == "\t" }
        let place = "\(path):\(line)"
        return "\n" + (message.hasPrefix(place) ? "" : "\(place): ") + "  > \(text)"
    }

    private static let shownMachines = 8

    /// The last lines of each console and the last events of each machine.
    private func gather() -> String {
        var text = ""
        let machines = (try? host.machines()) ?? []
        for machine in machines.prefix(Self.shownMachines) {
            if let events = try? machine.events(last: 5), !events.isEmpty {
                text += "\nevents of \(machine.name):"
                for event in events { text += "\n  \(Value.time(Timestamp(unixNanoseconds: event.time)).text)  \(event.message)" }
            }
            if let console = try? machine.console().tail(lines: 20), !console.bytes.isEmpty {
                text += "\nconsole of \(machine.name):"
                for line in CellText.escapingControls(console.text).split(whereSeparator: \.isNewline) { text += "\n  \(line)" }
            }
        }
        if machines.count > Self.shownMachines { text += "\n(\(machines.count - Self.shownMachines) machines more)" }
        return text
    }

    /// Puts the whole consoles and events of the failed case into a folder; says where.
    private func keep(_ name: String, _ problem: String) -> String {
        guard let base = folderForFailures() else { return "" }
        failures += 1
        let folder = "\(base)/\(failures)"
        guard mkdir(folder, 0o755) == 0 else { return "" }
        Self.write("\(name)\nseed \(seed)\n\n\(problem)\n", to: folder + "/failure.txt")
        for machine in (try? host.machines()) ?? [] {
            let label = String(machine.name.map { $0 == "/" ? "_" : $0 })
            if let console = try? machine.console().read(), !console.bytes.isEmpty {
                Self.write(console.text, to: "\(folder)/\(label).console")
            }
            guard let events = try? machine.events(), !events.isEmpty else { continue }
            let lines = events.map { "\(Value.time(Timestamp(unixNanoseconds: $0.time)).text)  \($0.message)\n" }
            Self.write(lines.joined(), to: "\(folder)/\(label).events")
        }
        return "\nconsoles and events: \(folder)"
    }

    /// A folder of this file's own.
    private func folderForFailures() -> String? {
        if let keptFolder { return keptFolder }
        if let keep = options.keep { mkdir(keep, 0o755) }
        let label = path.split(separator: "/").last.map { $0.hasSuffix(".lua") ? String($0.dropLast(4)) : String($0) } ?? "file"
        let base = options.keep ?? ScenarioProcess.temporaryFolder
        var template = Array("\(base)/\(options.keep == nil ? "lunavisor-failed-" : "")\(label)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return nil }
        keptFolder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return keptFolder
    }

    private static func write(_ text: String, to path: String) {
        guard let file = fopen(path, "w") else { return }
        fputs(text, file)
        fclose(file)
    }
}

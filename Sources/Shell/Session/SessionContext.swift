import Cmdlets
import Management

/// A call of a cmdlet or pipeline that runs now.
struct CallFrame {
    var source: String
    /// Each stage's cmdlet as written, with its line.
    var stages: [(name: String, line: Int)]
    /// Functions that set the Lua variables named in -ErrorVariable and kin.
    var setters: [String: LuaBlock] = [:]
}

/// The session as cmdlets see it.
final class SessionContext: ExecutionContext, @unchecked Sendable {
    // The session outlives its context: the context is only handed to calls that it makes.
    private unowned let session: Session
    let catalogue: Catalogue
    let terminal: any Terminal
    let outputFormat: OutputFormat
    let host: VirtualMachineHost
    let jobs: JobTable
    let carrier: (any BlockCarrier)?
    private let interpreter: Interpreter

    init(_ session: Session) {
        self.session = session
        (catalogue, terminal, outputFormat) = (session.catalogue, session.terminal, session.options.outputFormat)
        (host, interpreter) = (session.host, session.interpreter)
        (jobs, carrier) = (session.jobs, SessionCarrier(session))
    }

    var preferences: Preferences { session.preferences.values }
    var history: [HistoryEntry] { session.history }

    var writableFolders: [String]? {
        guard session.options.isRestricted else { return nil }
        guard let script = session.options.scriptName else { return [host.storePath, "."] }
        return [host.storePath, script.lastIndex(of: "/").map { $0 == script.startIndex ? "/" : String(script[..<$0]) } ?? "."]
    }

    func record(_ error: ErrorRecord) { session.remember(session.placed(error)) }

    func show(_ error: ErrorRecord) { session.show(session.placed(error)) }

    func assign(variable: String, value: Value, appending: Bool) {
        if let setter = session.frames.last?.setters[variable] {
            let old = appending ? (try? setter.call(.null, [.boolean(true)])) ?? .null : .null
            _ = try? setter.call(appending ? .list(old.elements + value.elements) : value, [])
            return
        }
        let old = appending ? (try? session.callPrelude("get", [.string(variable)])) ?? .null : .null
        _ = try? session.callPrelude("set", [.string(variable), appending ? .list(old.elements + value.elements) : value])
    }

    func checkCancelled() throws { if interpreter.shouldStop { throw Cancellation() } }

    func matcher(_ pattern: String, ignoringCase: Bool) throws -> any PatternMatcher {
        try RegularExpression(pattern, ignoringCase: ignoringCase)
    }
}

extension Session {
    /// An error with the place of the call that is running, at the line of the stage in which it arose.
    func placed(_ error: any Error) -> ScriptFailure {
        if let failure = error as? ScriptFailure { return failure }
        let record = ErrorRecord(error)
        if let failure = record.cause as? ScriptFailure { return failure }
        if let raised = record.cause as? RaisedLuaValue { return Self.failure(fromText: raised.message) }
        guard let frame = frames.last else { return ScriptFailure(record) }
        let cmdlet = record.cmdlet?.lowercased()
        let stage = frame.stages.first { stage in
            stage.name.lowercased() == cmdlet || catalogue.cmdlet(named: stage.name)?.name.lowercased() == cmdlet
        }
        return ScriptFailure(record, source: frame.source, line: (stage ?? frame.stages.first)?.line ?? 0)
    }
}

import Basics
import CLua
import Cmdlets
import Management

/// How a session is set up.
public struct SessionOptions: Sendable {
    public var outputFormat = OutputFormat.table
    public var isQuiet = false
    public var isRestricted = false
    public var usesColours = true
    /// The REPL: errors of cmdlets are shown and the call goes on.
    public var isInteractive = false
    /// Bytes that Lua may use.
    public var memoryLimit = 1 << 30
    /// `arg` and `$args` of a script.
    public var arguments: [String] = []
    /// The script's path, for `arg[0]`.
    public var scriptName: String?
    public init() {}
}

/// How a program ended.
enum Outcome {
    case finished
    case failed(ScriptFailure)
    /// Ctrl-C or SIGTERM.
    case interrupted
    case exit(Int32)
}

/// One conversation with Lua and the cmdlets. REPL, script runner, `-c`, standard input and scenarios are front doors to it.
public final class Session: @unchecked Sendable {
    // Everything but the atomics of the interpreter and the locked terminal is used on the thread that made the session.
    let interpreter: Interpreter
    let catalogue: Catalogue
    let terminal: any Terminal
    let options: SessionOptions
    let host: VirtualMachineHost
    var preferences: SessionPreferences
    /// `$Error`, the last first.
    var errors: [ScriptFailure] = []
    /// Calls of cmdlets that run now, the innermost last.
    var frames: [CallFrame] = []
    /// Lines of the chunks by their names, to quote the user's text in messages.
    var sources: [String: [Substring]] = [:]
    /// Names that chunks of the REPL assigned.
    var sessionNames: Set<String> = []
    /// Ways around binding, by names as they were written (Session+Calls).
    var directCalls: [String: Cmdlet.Direct] = [:]
    /// Functions of the prelude that the session calls.
    private var functions: [String: LuaReference] = [:]
    /// The scenario that runs, for its reports.
    weak var scenario: ScenarioFile?
    /// Jobs that the script started.
    let jobs = JobTable()
    /// In a job's own session: who receives what it gives.
    var output: (any JobOutput)?
    /// What was typed at the prompt.
    var history: [HistoryEntry] = []
    /// `param{…}` is asked for its help page, which is left here, with the comment at the script's head; nil: it binds.
    var describing: (comment: String, page: String)?
    private(set) lazy var context: SessionContext = SessionContext(self)
    private static let keptErrors = 256

    /// A session over a host's store. `terminal`: the process's own, unless a test brings another.
    public init(
        host: VirtualMachineHost, catalogue: Catalogue = Catalogue(), options: SessionOptions = SessionOptions(),
        terminal: (any Terminal)? = nil
    ) throws {
        self.host = host
        self.catalogue = catalogue
        self.options = options
        self.terminal =
            terminal
            ?? StandardTerminal(quiet: options.isQuiet, hostToError: options.outputFormat == .json, colours: options.usesColours)
        preferences = SessionPreferences(errorAction: options.isInteractive ? .continue : .stop)
        interpreter = try Interpreter(memoryLimit: options.isRestricted ? min(options.memoryLimit, 64 << 20) : options.memoryLimit)
        interpreter.handler = self
        try openLua()
    }

    private var state: OpaquePointer { interpreter.state }

    // MARK: Opening

    private func openLua() throws {
        let text = Array(Prelude.text.utf8)
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        let status = text.withUnsafeBytes {
            luaL_loadbufferx(state, $0.bindMemory(to: CChar.self).baseAddress, text.count, "=[lunavisor]", "t")
        }
        guard status == LUA_OK, lv_push_slot(state, Int32(LV_SLOT_NATIVE.rawValue)), interpreter.push([.boolean(options.isRestricted)])
        else {
            throw ErrorRecord(
                "The shell's own Lua text does not load: \(NativeCall(interpreter: interpreter, state: state).text(-1) ?? "")",
                "PreludeFailed", .notSpecified)
        }
        _ = try interpreter.callOnStack(arguments: 2, results: 1)
        let call = NativeCall(interpreter: interpreter, state: state)
        try call.forEachField(-1) { name, kind in
            if kind == LV_KIND_FUNCTION { functions[name] = LuaReference(try call.keep(-1), name, interpreter.released) }
        }
        lua_settop(state, top)
        try defineCmdlets()
        try setArguments()
        if options.isRestricted { lv_lua_set_instruction_limit(interpreter.lua, 500_000_000) }
    }

    /// `Get_VM` and the others, as globals.
    func defineCmdlets() throws {
        let names = catalogue.all.flatMap { [Value.string($0.name.split(separator: "-").joined(separator: "_")), .string($0.name)] }
        _ = try callPrelude("define", [.list(names)])
    }

    private func setArguments() throws {
        guard options.scriptName != nil || !options.arguments.isEmpty else { return }
        // `arg` as in lua: the script at 0, its arguments from 1. Modules beside the script are found last.
        let name = options.scriptName ?? "lunavisor"
        let text = """
            local list, name = ...; arg = {[0] = name}; for i = 1, #list do arg[i] = list[i] end
            local folder = name:match("^(.*)/[^/]*$")
            if folder and not folder:find("[;?]") then package.path = package.path .. ";" .. folder .. "/?.lua;" .. folder .. "/?/init.lua" end
            """
        try load(Array(text.utf8), "=[lunavisor]")
        guard interpreter.push([.list(options.arguments.map { .string($0) }), .string(name)]) else { return }
        _ = try interpreter.callOnStack(arguments: 2, results: 0)
    }

    /// Pushes a function of the prelude.
    func pushPrelude(_ name: String) -> Bool {
        guard let function = functions[name] else { return false }
        return lv_push_reference(state, function.reference)
    }

    /// Calls a function of the prelude.
    func callPrelude(_ name: String, _ arguments: [Value]) throws -> Value {
        guard let function = functions[name] else { return .null }
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        guard lua_checkstack(state, 20) != 0, lv_push_reference(state, function.reference), interpreter.push(arguments) else {
            return .null
        }
        let count = try interpreter.callOnStack(arguments: Int32(arguments.count))
        return count > 0 ? try NativeCall(interpreter: interpreter, state: state).value(top + 1) : .null
    }

    /// Pushes the function that runs a scenario's cases; from now on `describe` and kin are there.
    func loadScenarioPrelude() throws {
        try load(Array(ScenarioPrelude.text.utf8), "=[lunavisor]")
        guard lv_push_native(state, NativeOperation.reportTest.rawValue, nil, 0), lv_push_native_field(state, "pcall"),
            lv_push_native_field(state, "mask"), lv_push_native_field(state, "unwinding")
        else { return }
        _ = try interpreter.callOnStack(arguments: 4, results: 1)
    }

    // MARK: Loading

    /// Pushes plain Lua as a function.
    func load(_ text: [UInt8], _ name: String, mode: String = "t") throws {
        // An empty array has no address; a blank means the same to Lua.
        let text = text.isEmpty ? [32] : text
        let status = text.withUnsafeBytes { luaL_loadbufferx(state, $0.bindMemory(to: CChar.self).baseAddress, text.count, name, mode) }
        guard status == LUA_OK else {
            defer { lv_drop(state, 1) }
            throw LoadFailure(message: NativeCall(interpreter: interpreter, state: state).string(-1) ?? "not enough memory")
        }
    }

    struct LoadFailure: Error { var message: String }

    /// Translates a program and pushes it as a function. `name` is Lua's chunk name: `@file`, `=words`, or the text itself.
    @discardableResult
    func compile(_ program: [UInt8], name: String, interactive: Bool = false) throws -> Translator.Translation {
        let shown = Self.shownName(name)
        var translator = Translator(knowledge: .of(catalogue))
        translator.isInteractive = interactive
        if interactive { translator.knownNames = sessionNames }
        translator.scriptRoot = Self.folder(of: name)
        if name.hasPrefix("@") || name.hasPrefix("="), program.count < 1 << 20 {
            sources[shown] = String(decoding: program, as: UTF8.self).split(omittingEmptySubsequences: false) { $0.isNewline }
        }
        let translation: Translator.Translation
        do { translation = try translator.translate(program) } catch let error as TranslationError {
            var record = ErrorRecord(error.message, error.identifier, error.category, action: error.recommendedAction)
            record.cause = error
            throw ScriptFailure(record, source: shown, line: error.line)
        }
        try load(translation, name, shown, interactive: interactive)
        return translation
    }

    private func load(_ translation: Translator.Translation, _ name: String, _ shown: String, interactive: Bool) throws {
        do { try load(translation.text, name) } catch let failure as LoadFailure { throw syntaxError(failure, translation, shown) }
        if let support = translation.support {
            // The support table becomes an upvalue of the program. What loads by itself loads inside a function, too.
            lv_drop(state, 1)
            let wrapped = Array("local \(support)=...;return function(...) ".utf8) + translation.text + Array("\nend".utf8)
            do { try load(wrapped, name) } catch let failure as LoadFailure { throw syntaxError(failure, translation, shown) }
            if interactive { useScope() }
            guard lv_push_slot(state, Int32(LV_SLOT_BINDINGS.rawValue)) else { return }
            _ = try interpreter.callOnStack(arguments: 1, results: 1)
        } else if interactive {
            useScope()
        }
    }

    /// Lets the chunk on top of the stack see the REPL's locals.
    private func useScope() {
        guard lv_push_slot(state, Int32(LV_SLOT_SCOPE.rawValue)) else { return }
        if lua_setupvalue(state, -2, 1) == nil { lv_drop(state, 1) }
    }

    private func syntaxError(_ failure: LoadFailure, _ translation: Translator.Translation, _ shown: String) -> ScriptFailure {
        var (line, message) = Self.position(in: failure.message, source: shown)
        if let support = translation.support, message.contains(support), let stop = translation.stop {
            (line, message) = (stop.line, stop.message)
        }
        let text = sources[shown].flatMap { line > 0 && line <= $0.count ? String($0[line - 1]) : nil }
        let isIncomplete = message.hasSuffix("<eof>") || translation.stop?.isAtEnd ?? false
        var record = ErrorRecord(message, "SyntaxError", .parserError, action: text.flatMap { hint($0, translation.assignedNames) })
        record.cause = TranslationError(line: line, message: message, isIncomplete: isIncomplete)
        return ScriptFailure(record, source: shown, line: line)
    }

    /// What to write instead of a line that Lua refused: a cmdlet that is spelled alike, or Lua's words for PowerShell's.
    private func hint(_ line: String, _ names: Set<String>) -> String? {
        let words = line.split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        for word in words {
            let halves = word.split(separator: "-", omittingEmptySubsequences: false)
            guard halves.count == 2, halves.allSatisfy({ $0.first?.isLetter ?? false }), !names.contains(String(halves[0])) else {
                continue
            }
            guard catalogue.cmdlet(named: String(word)) == nil else { continue }
            let nearest = catalogue.nearest(to: String(word))
            if !nearest.isEmpty { return "There is no cmdlet “\(word)”. Did you mean \(Spelling.list(nearest, "or"))?" }
        }
        return ForeignSyntax.hint(line)
    }

    /// Lua's `name:12: message` taken apart.
    static func position(in message: String, source: String) -> (line: Int, message: String) {
        let parts = message.split(separator: ":", omittingEmptySubsequences: false)
        for place in parts.indices.dropFirst() {
            if let line = Int(parts[place]), line > 0, place + 1 < parts.count {
                let rest = parts[(place + 1)...].joined(separator: ":")
                return (line, rest.hasPrefix(" ") ? String(rest.dropFirst()) : rest)
            }
        }
        return (0, message)
    }

    static func shownName(_ name: String) -> String {
        if name.hasPrefix("@") || name.hasPrefix("=") { return String(name.dropFirst()) }
        let line = name.prefix { !$0.isNewline }
        return "[string \"\(line.prefix(40))\(line.count > 40 || line.count < name.count ? "..." : "")\"]"
    }

    private static func folder(of name: String) -> String {
        guard name.hasPrefix("@") else { return "." }
        let path = name.dropFirst()
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    // MARK: Running

    /// Compiles and runs a program; its values are dropped.
    func run(_ program: [UInt8], name: String) -> Outcome {
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        return guarded {
            try compile(program, name: name)
            // `...` holds the script's arguments, as in lua.
            guard interpreter.push(options.arguments.map { .string($0) }) else { return }
            _ = try interpreter.callOnStack(arguments: Int32(options.arguments.count), results: 0)
        }
    }

    /// Runs `body` at the top level: an interrupt ends here.
    func guarded(_ body: () throws -> Void) -> Outcome {
        defer {
            interpreter.clearInterrupt()
            interpreter.drainReleased()
            frames.removeAll()
        }
        do {
            try body()
            if let code = interpreter.exitCode { return .exit(code) }
            return .finished
        } catch {
            if let code = interpreter.exitCode { return .exit(code) }
            if interpreter.isUnwinding || error is Cancellation { return .interrupted }
            let failure = explained(failure(from: error))
            remember(failure)
            return .failed(failure)
        }
    }

    /// `Gett-VM x` outside of a call is a subtraction of two unknown variables, and `throw "x"` the call of one: says what the line may
    /// have meant.
    private func explained(_ failure: ScriptFailure) -> ScriptFailure {
        if failure.record.recommendedAction == nil, failure.record.message.contains("attempt to call a nil value (global 'throw')") {
            var record = failure.record
            record.recommendedAction = ForeignSyntax.throwHint
            return ScriptFailure(record, source: failure.source, line: failure.line)
        }
        guard failure.record.recommendedAction == nil, failure.record.message.contains("arithmetic on a nil value (global '"),
            let lines = sources[failure.source], failure.line > 0, failure.line <= lines.count,
            let hint = hint(String(lines[failure.line - 1]), [])
        else { return failure }
        var record = failure.record
        record.recommendedAction = hint
        return ScriptFailure(record, source: failure.source, line: failure.line)
    }

    /// Any error as an error object; Lua's `file:line:` becomes its position.
    func failure(from error: any Error) -> ScriptFailure {
        if let failure = error as? ScriptFailure { return failure }
        if let raised = error as? RaisedLuaValue { return Self.failure(fromText: raised.message) }
        if let record = error as? ErrorRecord {
            if let failure = record.cause as? ScriptFailure { return failure }
            if let raised = record.cause as? RaisedLuaValue { return Self.failure(fromText: raised.message) }
            return ScriptFailure(record)
        }
        return ScriptFailure(ErrorRecord(error))
    }

    static func failure(fromText text: String) -> ScriptFailure {
        let (line, message) = position(in: text, source: "")
        guard line > 0, text.hasSuffix(message), text.count > message.count else {
            return ScriptFailure(ErrorRecord(text, "ScriptError", .notSpecified))
        }
        let source = text.dropLast(message.count + 2 + String(line).count + 1)
        return ScriptFailure(ErrorRecord(message, "ScriptError", .notSpecified), source: String(source), line: line)
    }

    /// Puts an error at the head of `$Error`.
    func remember(_ failure: ScriptFailure) {
        if let last = errors.first, last === failure { return }
        errors.insert(failure, at: 0)
        if errors.count > Self.keptErrors { errors.removeLast() }
    }

    /// Writes an error to standard error: its place, its text, the user's line, what to do.
    func show(_ failure: ScriptFailure) {
        var text = failure.displayText
        if let lines = sources[failure.source], failure.line > 0, failure.line <= lines.count {
            let line = lines[failure.line - 1].drop { $0 == " " || $0 == "\t" }
            if !line.isEmpty, line.count < 300 { text += "\n    \(line)" }
        }
        if let action = failure.record.recommendedAction { text += "\n  \(action)" }
        text += "\n"
        terminal.writeError((terminal as? StandardTerminal)?.asError(text) ?? text)
    }
}

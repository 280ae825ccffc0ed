import CLua
import Cmdlets
import Glibc

/// The REPL: reads chunks, runs them, shows their values.
public final class Conversation {
    private let session: Session
    private let version: String
    /// The store, where it is not the one that this user has without saying so.
    private let store: String?
    /// A program that runs before the first prompt, where there is such a file.
    private let profile: String?
    private var editor: LineEditor?

    /// `store`: a name for the prompt; nil: it is the usual one. `profile`: the path of the user's profile script.
    public init(session: Session, version: String, store: String?, profile: String? = nil) {
        (self.session, self.version, self.store, self.profile) = (session, version, store, profile)
    }

    /// Runs until Ctrl-D or `exit`; the exit code.
    public func run() -> Int32 {
        let completer = Completer(session: session)
        editor = LineEditor(
            historyPath: LineHistory.defaultPath(), isWhole: { [unowned self] in isWhole($0) }, completion: { completer.candidates($0) })
        guard let editor else {
            session.terminal.writeError("This terminal cannot be edited on; give the program as a file or with -c.\n")
            return 1
        }
        lv_lua_catch_signals(session.interpreter.lua)
        let terminal = session.terminal as? StandardTerminal
        terminal?.setNotices(editor.notices)
        defer {
            session.endJobs()
            terminal?.setNotices(nil)
            lv_lua_catch_signals(nil)
        }
        if !session.options.isQuiet {
            session.terminal.write("Lunavisor \(version), store \(session.host.storePath)\nhelp explains, Tab completes, Ctrl-D leaves.\n")
        }
        if let code = runProfile() { return code }
        let prompt = store.map { "\($0)> " } ?? "> "
        while true {
            session.interpreter.clearInterrupt()
            switch editor.read(prompt: prompt) {
            case .end:
                session.terminal.write("\n")
                return 0
            case .interrupted:
                session.terminal.write("^C\n")
                editor.forgetTypedAhead()
                session.interpreter.clearInterrupt()
            case .text(let text):
                if text.allSatisfy({ $0.isWhitespace }) { continue }
                editor.history.add(text)
                if let result = command(text) {
                    if let code = result.leaves { return code }
                } else if let code = execute(text) {
                    return code
                }
            }
        }
    }

    /// A name for the prompt: the folder's own, and enough of those above to be told from others at a glance.
    public static func promptName(of storePath: String) -> String {
        let parts = storePath.split(separator: "/")
        guard let last = parts.last else { return storePath }
        // `…/lab/lunavisor` says as little as the usual store's name.
        let name = last == "lunavisor" && parts.count > 1 ? "\(parts[parts.count - 2])/\(last)" : String(last)
        return name.count > 24 ? "…" + name.suffix(23) : name
    }

    /// Whether Enter runs the text: it is a program, or will not become one.
    private func isWhole(_ text: String) -> Bool {
        text.allSatisfy { $0.isWhitespace } || isCommand(text) || !isIncomplete(text)
    }

    // MARK: Words of the REPL

    /// `exit quit help ? clear history`, unless a variable has that name; nil: the line is none of them.
    private func command(_ line: String) -> (leaves: Int32?, Void)? {
        guard isCommand(line) else { return nil }
        let words = line.split(separator: " ").map(String.init)
        guard let first = words.first else { return nil }
        switch first {
        case "exit", "quit": return (words.count == 2 ? (Int32(words[1]) ?? 0) & 255 : 0, ())
        case "help", "?": help(words.count == 2 ? words[1] : nil)
        case "clear": if editor?.isCapable ?? false { session.terminal.write("\u{1b}[2J\u{1b}[H") }
        case "history": showHistory()
        default: return nil
        }
        return (nil, ())
    }

    private func isCommand(_ text: String) -> Bool {
        let words = text.split(separator: " ").map(String.init)
        guard let first = words.first, !session.sessionNames.contains(first), !text.contains("\n") else { return false }
        switch first {
        case "exit", "quit": return words.count == 1 || words.count == 2 && Int32(words[1]) != nil
        case "help", "?": return words.count == 1 || words.count == 2 && !words[1].hasPrefix("=") && !words[1].hasPrefix("(")
        case "clear", "history": return words.count == 1
        default: return false
        }
    }

    private func showHistory() {
        for (place, entry) in (editor?.history.entries ?? []).enumerated() {
            let number = "\(place + 1)  "
            let lines = entry.split(separator: "\n", omittingEmptySubsequences: false)
            session.terminal.write(number + lines.joined(separator: "\n" + String(repeating: " ", count: number.count)) + "\n")
        }
    }

    private func help(_ topic: String?) {
        guard let topic else {
            session.terminal.write(HelpText.overview(session.catalogue))
            return
        }
        do {
            let text = try HelpText.find(topic, session.catalogue)
            session.terminal.write(text.hasSuffix("\n") ? text : text + "\n")
        } catch { session.show(ScriptFailure(ErrorRecord(error))) }
    }

    // MARK: Chunks

    /// True when neither the text nor the text as an expression compiles, and more lines could change that.
    private func isIncomplete(_ text: String) -> Bool {
        let state = session.interpreter.state
        var couldGoOn = false
        for prefix in ["", "return "] {
            let top = lua_gettop(state)
            defer { lua_settop(state, top) }
            do {
                try session.compile(Array((prefix + text).utf8), name: "=repl", interactive: true)
                return false
            } catch let failure as ScriptFailure {
                if (failure.record.cause as? TranslationError)?.isIncomplete ?? false { couldGoOn = true }
            } catch { return false }
        }
        return couldGoOn
    }

    /// Runs the profile script; one that fails is told of, and the REPL opens all the same.
    private func runProfile() -> Int32? {
        guard let profile, access(profile, F_OK) == 0 else { return nil }
        let top = lua_gettop(session.interpreter.state)
        defer { lua_settop(session.interpreter.state, top) }
        var names: Set<String> = []
        let outcome = session.guarded {
            let program = try FileText.read(profile)
            if program.first == 27 { throw ErrorRecord("Binary chunks are refused.", "BinaryChunk", .invalidData) }
            names = try session.compile(program, name: "@\(profile)", interactive: true).assignedNames
            _ = try session.interpreter.callOnStack(arguments: 0)
        }
        session.sessionNames.formUnion(names)
        fflush(nil)
        switch outcome {
        case .finished: return nil
        case .exit(let code): return code
        case .failed(let failure): session.show(failure)
        case .interrupted:
            if [SIGTERM, SIGHUP].contains(lv_lua_last_signal()) { return 128 + lv_lua_last_signal() }
        }
        session.terminal.writeError("The profile script did not run to its end.\n")
        return nil
    }

    /// `$XDG_CONFIG_HOME/lunavisor/profile.lua` or `~/.config/lunavisor/profile.lua`; nil without a home.
    public static func profilePath() -> String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        if let folder = variable("XDG_CONFIG_HOME") { return folder + "/lunavisor/profile.lua" }
        return variable("HOME").map { $0 + "/.config/lunavisor/profile.lua" }
    }

    /// Runs a chunk: as statements, or as an expression whose values are shown.
    private func execute(_ text: String) -> Int32? {
        let began = Timestamp.now()
        (session.terminal as? StandardTerminal)?.noteInput("> \(text)\n")
        defer { session.history.append(HistoryEntry(text: text, began: began, ended: Timestamp.now())) }
        let state = session.interpreter.state
        let top = lua_gettop(state)
        defer { lua_settop(state, top) }
        var names: Set<String> = []
        let outcome = session.guarded {
            names = try compile(text)
            let count = try session.interpreter.callOnStack(arguments: 0)
            guard count > 0 else { return }
            let call = NativeCall(interpreter: session.interpreter, state: state)
            let display = Display(session.context)
            for index in (top + 1)...(top + count) { try show(call, index, display) }
            try display.finish(shape: count == 1 && call.kind(top + 1) != LV_KIND_LIST ? .one : .many)
        }
        session.sessionNames.formUnion(names)
        fflush(nil)
        switch outcome {
        case .finished: return nil
        case .failed(let failure): session.show(failure)
        case .interrupted:
            if [SIGTERM, SIGHUP].contains(lv_lua_last_signal()) { return 128 + lv_lua_last_signal() }
            session.terminal.writeError("Stopped.\n")
        case .exit(let code): return code
        }
        return nil
    }

    /// A value at the REPL: what views show through its view, everything else as `print` does.
    private func show(_ call: NativeCall, _ index: Int32, _ display: Display) throws {
        switch call.kind(index) {
        case LV_KIND_OBJECT, LV_KIND_LIST, LV_KIND_RECORD: try display.show(try call.value(index))
        case LV_KIND_NIL: if call.count == 1 { session.terminal.writeOutput("nil\n") }
        default: session.terminal.writeOutput((call.text(index) ?? "") + "\n")
        }
    }

    /// Pushes the chunk; gives the names that it assigns.
    private func compile(_ text: String) throws -> Set<String> {
        let program = Array(text.utf8)
        let expression = Array("return ".utf8) + program
        // Messages quote what the user typed.
        defer { session.sources["repl"] = text.split(omittingEmptySubsequences: false) { $0.isNewline } }
        let state = session.interpreter.state
        let translation: Translator.Translation
        do { translation = try session.compile(program, name: "=repl", interactive: true) } catch {
            if let names = try? session.compile(expression, name: "=repl", interactive: true).assignedNames { return names }
            throw error
        }
        if translation.startsWithCommand { return translation.assignedNames }
        // A call is a statement, too; as an expression its value is shown.
        guard let shown = try? session.compile(expression, name: "=repl", interactive: true) else { return translation.assignedNames }
        lua_rotate(state, -2, 1)
        lv_drop(state, 1)
        return shown.assignedNames
    }
}

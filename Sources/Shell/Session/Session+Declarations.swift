import CLua
import Cmdlets

/// `cmdlet{ … }` and `param{ … }`.
extension Session {
    /// Registers the cmdlet that a table declares.
    func declareCmdlet(_ call: NativeCall) throws {
        let cmdlet = try Declaration("cmdlet{…}").cmdlet(try call.value(1))
        try catalogue.register(cmdlet)
        _ = try callPrelude(
            "define", [.list([.string(cmdlet.name.split(separator: "-").joined(separator: "_")), .string(cmdlet.name)])])
    }

    /// Binds the words of the command line to the script's parameters: each becomes a variable, and all are given as a table. Wrong
    /// words end the program with 2.
    func bindParameters(_ call: NativeCall) throws -> NativeResult {
        let name = options.scriptName.map { String($0.split(separator: "/").last ?? "script") } ?? "-c"
        let parameters = try ScriptParameters(try call.value(1), name: name, comment: describing?.comment ?? headComment)
        if describing != nil {
            describing?.page = parameters.help
            return .exit(0)
        }
        if let only = options.arguments.first, options.arguments.count == 1, ["-?", "--help"].contains(only) {
            terminal.writeOutput(parameters.help)
            return .exit(0)
        }
        let bound: ScriptParameters.Bound
        do { bound = try parameters.bind(options.arguments, context) } catch {
            show(ScriptFailure(ErrorRecord(error)))
            return .exit(2)
        }
        if bound.isVerbose == true { try preferences.set("VerbosePreference", .string("Continue")) }
        if let isWhatIf = bound.isWhatIf { try preferences.set("WhatIfPreference", .boolean(isWhatIf)) }
        if bound.isConfirming == false { try preferences.set("ConfirmPreference", .string("None")) }
        if let action = bound.errorAction { try preferences.set("ErrorActionPreference", .string(action.rawValue)) }
        var record = Record()
        for (name, value) in bound.values {
            _ = try callPrelude("set", [.string(name), value])
            record[name] = value
        }
        return .values([.record(record)])
    }

    /// The comment at the script's head, as its synopsis.
    private var headComment: String {
        guard let path = options.scriptName, let lines = sources[path] else { return "" }
        var words: [Substring] = []
        for line in lines.drop(while: { $0.hasPrefix("#") }) {
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("--"), !text.hasPrefix("--[") else { break }
            words.append(text.drop { $0 == "-" || $0 == " " })
        }
        let comment = words.filter { !$0.isEmpty }.joined(separator: " ")
        return comment.isEmpty || comment.hasSuffix(".") ? comment : comment + "."
    }

    /// The help page of a script: its head is run up to `param{ … }` in a restricted session, and nothing behind that.
    public static func help(ofScript path: String, in session: Session) throws -> String {
        let program = try FileText.read(path)
        guard let head = ScriptHead.parameters(program) else {
            throw ErrorRecord(
                "\(path) declares no parameters.", "HelpNotFound", .objectNotFound, target: path,
                action: "`param{ … }` as a script's first statement declares them.")
        }
        session.sources[path] = String(decoding: program, as: UTF8.self).split(omittingEmptySubsequences: false) { $0.isNewline }
        session.describing = (session.headComment, "")
        if case .failed(let failure) = session.run(head, name: "=\(path)") { throw failure.record }
        return session.describing?.page ?? ""
    }
}

/// Finds `param{ … }` at a script's head without running anything.
enum ScriptHead {
    /// The program up to the end of its first statement, when that is `param{ … }` or `local x = param{ … }`.
    static func parameters(_ program: [UInt8]) -> [UInt8]? {
        var source = program
        if source.starts(with: [0xef, 0xbb, 0xbf]) { source.removeFirst(3) }
        var lexer = LuaLexer(source)
        if source.first == 35 { lexer.position = source.firstIndex(where: LuaLexer.isLineEnd) ?? source.count }
        var token = lexer.next()
        // `#Requires` lines say nothing.
        while token.isSymbol(.hash) {
            lexer.position = lexer.endOfComment(token.start)
            token = lexer.next()
        }
        let start = token.start
        if token.isKeyword(.local) {
            _ = lexer.next()
            guard lexer.next().isSymbol(.equals) else { return nil }
            token = lexer.next()
        }
        guard token.kind == .name, lexer.text(token.start, token.end) == "param" else { return nil }
        var open = 0
        while true {
            let next = lexer.next()
            switch next.kind {
            case .end, .invalid: return nil
            case .symbol(.openBrace), .symbol(.openParenthesis): open += 1
            case .symbol(.closeBrace), .symbol(.closeParenthesis):
                open -= 1
                if open == 0 {
                    let blank = source[..<start].filter(LuaLexer.isLineEnd)
                    return blank + source[start..<next.end]
                }
            default: if open == 0 { return nil }
            }
        }
    }
}

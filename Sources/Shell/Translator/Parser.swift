/// Reads a program by Lua's grammar (manual, 9) and copies it to the output, replacing what the shell adds.
///
/// Two things end it early. What the shell refuses throws `TranslationError`. What is not Lua at all makes it give up: the rest is
/// copied unread, and Lua reports the error in its own words.
final class Parser {
    struct GaveUp: Error {}

    let source: [UInt8]
    let support: String
    let options: Translator
    /// Variables of the chunk and the session: their spelling is no cmdlet's verb.
    let names: Set<String>
    var lexer: LuaLexer
    var token: Token
    /// The end of what was read last.
    var lastEnd = 0
    var output: [UInt8] = []
    /// Source before this place is in the output.
    var copied = 0
    var depth = 0
    /// Blocks `{ … }` around the place that is read; `$_` and comparison words count there.
    var blockDepth = 0
    /// Function bodies, `do` and `then` parts around it: 0 is the chunk's top level.
    var nesting = 0
    var usesSupport = false
    var assignedNames: Set<String> = []
    var startsWithCommand = false
    var stop: Translator.Stop?
    /// Names of the locals in the blocks around the place that is read, the innermost last.
    var scopes: [Set<String>] = [[]]
    /// Inside a block that runs in another interpreter: the first of `scopes` that belongs to it, and the `$using:` names in it.
    var apart: (scope: Int, using: [String])?
    private var lineStarts: [Int] = []
    /// Lua itself refuses programs nested deeper than 200 levels (LUAI_MAXCCALLS).
    private static let deepest = 195

    init(source: [UInt8], support: String, options: Translator, names: Set<String>) {
        (self.source, self.support, self.options, self.names) = (source, support, options, names)
        lexer = LuaLexer(source)
        token = Token(kind: .end, start: 0, end: 0, isSpaced: false, startsLine: true)
        lineStarts = Self.lineStarts(of: source)
        if options.isInteractive { scopes[0] = options.knownNames }
    }

    var translation: Translator.Translation {
        Translator.Translation(
            text: output, support: usesSupport ? support : nil, startsWithCommand: startsWithCommand, assignedNames: assignedNames,
            stop: stop)
    }

    func parseProgram() throws {
        do {
            resume(at: 0)
            token.startsLine = true
            try parseStatements(isFirst: true)
            guard token.kind == .end else { throw giveUp("'<eof>' expected") }
        } catch is GaveUp {}
        flush(to: source.count)
    }

    // MARK: Reading

    func advance() {
        lastEnd = token.end
        token = lexer.next()
    }

    /// Goes on reading Lua at `place`, after a command's words.
    func resume(at place: Int) {
        lastEnd = place
        lexer.position = place
        token = lexer.next()
    }

    func peek() -> Token {
        var ahead = lexer
        return ahead.next()
    }

    func accept(_ symbol: Symbol) -> Bool {
        guard token.isSymbol(symbol) else { return false }
        advance()
        return true
    }

    func accept(_ keyword: Keyword) -> Bool {
        guard token.isKeyword(keyword) else { return false }
        advance()
        return true
    }

    func expect(_ symbol: Symbol, closing opening: Int? = nil) throws {
        guard accept(symbol) else { throw giveUp(expectation(symbol.rawValue, opening)) }
    }

    func expect(_ keyword: Keyword, closing opening: Int? = nil) throws {
        guard accept(keyword) else { throw giveUp(expectation(keyword.rawValue, opening)) }
    }

    private func expectation(_ what: String, _ opening: Int?) -> String {
        guard let opening, line(at: opening) != line(at: token.start) else { return "'\(what)' expected" }
        return "'\(what)' expected (to close what begins at line \(line(at: opening)))"
    }

    func expectName() throws -> String {
        guard token.kind == .name else { throw giveUp("<name> expected") }
        let name = text(of: token)
        advance()
        return name
    }

    func text(of token: Token) -> String { lexer.text(token.start, token.end) }

    /// Guards against a program nested so deeply that Lua refuses it anyway.
    func nested<Result>(_ body: () throws -> Result) throws -> Result {
        guard depth < Self.deepest else { throw giveUp("chunk has too many syntax levels") }
        depth += 1
        defer { depth -= 1 }
        return try body()
    }

    // MARK: Failing

    func giveUp(_ message: String) -> GaveUp {
        if stop == nil {
            let isAtEnd = token.kind == .end || token.kind == .invalid && lexer.position >= source.count && isOpenLongText(token.start)
            let near = isAtEnd ? "<eof>" : "'\(lexer.text(token.start, min(token.end, token.start + 40, source.count)))'"
            stop = Translator.Stop(line: line(at: token.start), message: "\(message) near \(near)", isAtEnd: isAtEnd)
        }
        return GaveUp()
    }

    private func isOpenLongText(_ place: Int) -> Bool { lexer.longBracketLevel(place) != nil }

    func failure(_ place: Int, _ message: String, _ action: String? = nil, isIncomplete: Bool = false) -> TranslationError {
        TranslationError(line: line(at: place), message: message, recommendedAction: action, isIncomplete: isIncomplete)
    }

    // MARK: Lines

    func line(at place: Int) -> Int {
        var (low, high) = (0, lineStarts.count)
        while low < high {
            let middle = (low + high) / 2
            if lineStarts[middle] <= place { low = middle + 1 } else { high = middle }
        }
        return max(low, 1)
    }

    /// A line end is one of `\n`, `\r`, `\r\n`, `\n\r`, as in Lua.
    private static func lineStarts(of source: [UInt8]) -> [Int] {
        var starts = [0]
        var place = 0
        while place < source.count {
            let here = source[place]
            place += 1
            guard LuaLexer.isLineEnd(here) else { continue }
            if place < source.count, LuaLexer.isLineEnd(source[place]), source[place] != here { place += 1 }
            starts.append(place)
        }
        return starts
    }

    // MARK: Writing

    /// Copies source up to `place` as it is.
    func flush(to place: Int) {
        guard place > copied else { return }
        output.append(contentsOf: source[copied..<min(place, source.count)])
        copied = place
    }

    /// Leaves source up to `place` out, but keeps its line ends.
    func drop(to place: Int) {
        guard place > copied else { return }
        for byte in source[copied..<min(place, source.count)] where LuaLexer.isLineEnd(byte) { output.append(byte) }
        copied = place
    }

    func emit(_ text: String) { output.append(contentsOf: text.utf8) }

    /// Writes the name of a function of the support table.
    func emitSupport(_ name: String) {
        usesSupport = true
        emit("\(support).\(name)")
    }

    /// The place in the output where what begins at the current token will stand.
    func mark() -> Int {
        flush(to: token.start)
        return output.count
    }

    /// Puts `before` at `mark` and `after` behind what was read last.
    func wrap(_ mark: Int, _ before: String, _ after: String) {
        flush(to: lastEnd)
        usesSupport = true
        output.insert(contentsOf: before.utf8, at: mark)
        emit(after)
    }

    /// A string literal of Lua for `text`.
    static func quoted(_ text: String) -> String { quoted(Array(text.utf8)) }

    static func quoted(_ bytes: some Sequence<UInt8>) -> String {
        var result = "\""
        for byte in bytes {
            switch byte {
            case 34: result += "\\\""
            case 92: result += "\\\\"
            case 32...126: result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte)
                result += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
            }
        }
        return result + "\""
    }
}

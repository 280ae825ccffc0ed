/// One token of Lua, or of what the shell adds to it, by its place in the source.
struct Token {
    enum Kind: Equatable {
        case end
        case name
        case keyword(Keyword)
        case number
        /// A size literal and its value in bytes; nil: a fraction that does not come out whole, or too large.
        case size(Int64?)
        case string
        /// Up to three bytes of punctuation, packed big-endian.
        case symbol(Symbol)
        /// `$name`, `$scope:name`, `${name}`; `$(` is the symbol `dollarParenthesis`.
        case variable
        /// What Lua will refuse; the parser gives up there.
        case invalid
    }

    var kind: Kind
    var start: Int
    var end: Int
    /// White space or a comment stands before it.
    var isSpaced: Bool
    /// A line end stands between it and the token before.
    var startsLine: Bool

    func isSymbol(_ symbol: Symbol) -> Bool { kind == .symbol(symbol) }
    func isKeyword(_ keyword: Keyword) -> Bool { kind == .keyword(keyword) }
}

enum Keyword: String, CaseIterable {
    case and, `break`, `do`, `else`, elseif, end, `false`, `for`, function, goto, `if`, `in`, local, `nil`, not, or, `repeat`, `return`,
        then
    case `true`, until, `while`

    static let byName: [String: Keyword] = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
}

enum Symbol: String, CaseIterable {
    case plus = "+"
    case minus = "-"
    case star = "*"
    case slash = "/"
    case percent = "%"
    case caret = "^"
    case hash = "#"
    case ampersand = "&"
    case tilde = "~"
    case pipe = "|"
    case less = "<"
    case greater = ">"
    case equals = "="
    case openParenthesis = "("
    case closeParenthesis = ")"
    case openBrace = "{"
    case closeBrace = "}"
    case openBracket = "["
    case closeBracket = "]"
    case semicolon = ";"
    case colon = ":"
    case comma = ","
    case dot = "."
    case shiftLeft = "<<"
    case shiftRight = ">>"
    case floorDivide = "//"
    case equal = "=="
    case notEqual = "~="
    case lessEqual = "<="
    case greaterEqual = ">="
    case label = "::"
    case concatenate = ".."
    case dots = "..."
    /// Not Lua's: `!`, `$(`, and the backtick.
    case exclamation = "!"
    case dollarParenthesis = "$("
    case backtick = "`"
    case question = "?"
}

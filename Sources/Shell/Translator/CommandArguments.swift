import Basics

/// Reads the words of one command up to its end and writes them as a flat table of kinds and values:
///
///     1, value          positional          5, "word"       bare word
///     2, "Name"         -Name               4, table        @table
///     3, "Name", value  -Name:value         7, "e", setter  the variable of -ErrorVariable and kin
struct CommandArguments {
    let parser: Parser
    let stage: Reference
    let commas: ExpressionContext.Commas
    /// Where the next character is read.
    private var place: Int
    /// How many values were written.
    private var count = 0

    init(parser: Parser, stage: Reference, commas: ExpressionContext.Commas) {
        (self.parser, self.stage, self.commas) = (parser, stage, commas)
        place = stage.end
    }

    private var lexer: LuaLexer { parser.lexer }
    private func byte(_ place: Int) -> UInt8 { place < parser.source.count ? parser.source[place] : 0 }

    private static let variableParameters: Set<String> = [
        "errorvariable", "ev", "outvariable", "ov", "warningvariable", "wv", "informationvariable", "iv", "pipelinevariable", "pv",
    ]
    private static let patternParameters: Set<String> = ["match", "notmatch", "cmatch", "cnotmatch", "imatch", "inotmatch", "pattern"]
    private static let enders: Set<String> = ["and", "do", "else", "elseif", "end", "or", "then", "until"]
    private static let operators: Set<String> = ["=", "==", "~=", "!=", "+", "+=", "-=", "-"]

    /// Where the command ends: at a `|` that goes on with it, or (`isEnd`) after its last word.
    mutating func parse() throws -> (place: Int, isEnd: Bool) {
        var end = place
        var parameter: String?
        try checkJoined()
        while true {
            let isSpaced = try skipBlanks()
            let here = byte(place)
            if place >= parser.source.count { return (end, true) }
            if LuaLexer.isLineEnd(here) {
                if let pipe = pipeOnNextLine() { return (pipe, false) }
                return (end, true)
            }
            switch here {
            case 59, 41, 93, 125: return (end, true)  // ; ) ] }
            case 124: return (place, false)
            case 44: throw misplacedComma()
            case 62, 60:
                throw parser.failure(
                    place, "`\(lexer.text(place, place + 1))` neither compares nor redirects in a command.",
                    "Put the command in parentheses to compare its value; Out-File writes a file.")
            case 35:
                throw parser.failure(place, "A word may not begin with `#`.", "A comment begins with `--`.")
            default: break
            }
            if here == 45, byte(place + 1) == 45, isSpaced || place == stage.end {
                try checkDoubleDash()
                place = lexer.endOfComment(place)
                continue
            }
            if isEndWord() { return (end, true) }
            if here == 45, LuaLexer.isNameStart(byte(place + 1)) {
                parameter = try parseParameter()
            } else {
                try parseValues(after: parameter)
                parameter = nil
            }
            end = place
        }
    }

    // MARK: Places

    /// What directly follows the name, without white space.
    private func checkJoined() throws {
        let here = byte(place)
        guard here == 46 || here == 58 || here == 91 && !stage.isLaterStage else { return }
        throw parser.failure(
            place, "`\(lexer.text(place, place + 1))` directly after \(stage.name) would belong to its value.",
            "Write (\(stage.name))\(lexer.text(place, place + 1))…")
    }

    /// Skips blanks and a backtick at a line's end.
    private mutating func skipBlanks() throws -> Bool {
        let start = place
        while true {
            while LuaLexer.isBlank(byte(place)) { place += 1 }
            guard byte(place) == 96 else { return place > start }
            var next = place + 1
            if next >= parser.source.count {
                throw parser.failure(place, "The line goes on after a backtick, but nothing follows.", isIncomplete: true)
            }
            guard LuaLexer.isLineEnd(byte(next)) else {
                if LuaLexer.isBlank(byte(next)) {
                    throw parser.failure(
                        place, "White space follows the backtick.",
                        "A backtick goes on with the next line only at the very end of its line.")
                }
                throw parser.failure(place, "A backtick stands only at a line's end.", "Lua's escapes begin with a backslash.")
            }
            if byte(next) == 13, byte(next + 1) == 10 { next += 1 }
            place = next + 1
            if place >= parser.source.count {
                throw parser.failure(start, "The line goes on after a backtick, but nothing follows.", isIncomplete: true)
            }
        }
    }

    /// The `|` with which the next line begins; comments and empty lines may stand between.
    private func pipeOnNextLine() -> Int? {
        var ahead = lexer
        ahead.position = place
        _ = ahead.skipSpace()
        guard byte(ahead.position) == 124, parser.stageReference(after: ahead.position + 1, hasCommand: true) != nil else { return nil }
        return ahead.position
    }

    private func isEndWord() -> Bool {
        guard LuaLexer.isNameStart(byte(place)) else { return false }
        var end = place
        while isWordByte(byte(end)) || byte(end) == 36 { end += 1 }
        return Self.enders.contains(lexer.text(place, end))
    }

    private func checkDoubleDash() throws {
        var end = place + 2
        while LuaLexer.isNamePart(byte(end)) { end += 1 }
        let word = lexer.text(place + 2, end).lowercased()
        guard !word.isEmpty else { return }
        let match = parser.options.knowledge.parameters(stage.name).first { $0.lowercased().hasPrefix(word) }
        if let match { throw parser.failure(place, "`--` begins a comment; did you mean -\(match)?") }
    }

    private func misplacedComma() -> TranslationError {
        if commas == .refused {
            let name = stage.name
            let function = name.split(separator: "-").joined(separator: "_")
            if count == 0 {
                return parser.failure(
                    place, "`\(name)` without parentheses is a call, and a comma after a command is ambiguous here.",
                    "Write f((\(name)), b), or pass the function itself: f(\(function), b).")
            }
            return parser.failure(
                place, "A comma after a command is ambiguous here.", "Write f((\(name) a, b)) for a list, or f((\(name) a), b).")
        }
        return parser.failure(place, "A value is missing before the comma.")
    }

    // MARK: Parameters

    /// `-Name`, `-Name:value`; gives the name.
    private mutating func parseParameter() throws -> String {
        var end = place + 1
        while LuaLexer.isNamePart(byte(end)) { end += 1 }
        let name = lexer.text(place + 1, end)
        parser.drop(to: end)
        if byte(end) == 58 {
            parser.emit("3,\"\(name)\",")
            place = end + 1
            parser.drop(to: place)
            _ = try skipBlanks()
            parser.drop(to: place)
            let start = parser.output.count
            _ = try parseValue(after: name, words: true)
            try finishList(start, after: name)
            parser.emit(",")
            count += 1
            return name
        }
        if isWordByte(byte(end)), byte(end) != 45 || LuaLexer.isNamePart(byte(end + 1)) {
            throw parser.failure(
                place, "`\(lexer.text(place, end + 1))…` is neither a parameter nor a word.",
                "A parameter's name is followed by a space or `:`; quote a word that begins with `-`.")
        }
        place = end
        parser.emit("2,\"\(name)\",")
        if Self.variableParameters.contains(name.lowercased()) { try parseVariableName() }
        return name
    }

    /// The variable that -ErrorVariable and kin fill: the one visible here.
    private mutating func parseVariableName() throws {
        _ = try skipBlanks()
        parser.drop(to: place)
        var name = place
        let isAppending = byte(name) == 43
        if isAppending { name += 1 }
        if byte(name) == 36 { name += 1 }
        var end = name
        while LuaLexer.isNamePart(byte(end)) { end += 1 }
        let variable = lexer.text(name, end)
        guard end > name, LuaLexer.isNameStart(byte(name)), Keyword.byName[variable] == nil else {
            throw parser.failure(place, "The name of a variable is expected here.", "Write it without a dollar sign: -ErrorVariable e.")
        }
        let support = parser.support
        parser.declare(variable)
        parser.emit("5,\"\(isAppending ? "+" : "")\(variable)\",7,\"\(variable)\",function(\(support)a,\(support)b)")
        parser.emit(" if \(support)b then return \(variable) end \(variable)=\(support)a end,")
        place = end
        parser.drop(to: end)
    }

    // MARK: Values

    private enum ValueKind { case value, word }

    /// A positional value, or a list of them.
    private mutating func parseValues(after parameter: String?) throws {
        parser.drop(to: place)
        let tag = parser.output.count
        if byte(place) == 64, LuaLexer.isNameStart(byte(place + 1)) {
            parser.emit("4,")
            place += 1
            parser.drop(to: place)
            try parseVariablePath(isSplat: true)
            parser.emit(",")
            count += 1
            return
        }
        parser.emit("1,")
        let start = parser.output.count
        if try parseValue(after: parameter, words: false) == .word {
            if isComma() {
                parser.output.insert(contentsOf: "\(parser.support).w(".utf8, at: start)
                parser.emit(")")
            } else {
                parser.output[tag] = 53
            }
        }
        try finishList(start, after: parameter)
        parser.emit(",")
        count += 1
    }

    private mutating func isComma() -> Bool {
        var next = place
        while LuaLexer.isBlank(byte(next)) { next += 1 }
        return byte(next) == 44
    }

    /// After the first value at `start` of the output: more values after commas make a list.
    private mutating func finishList(_ start: Int, after parameter: String?) throws {
        guard isComma() else { return }
        if commas == .refused {
            while LuaLexer.isBlank(byte(place)) { place += 1 }
            count += 1
            throw misplacedComma()
        }
        parser.output.insert(contentsOf: "\(parser.support).l(".utf8, at: start)
        while isComma() {
            while byte(place) != 44 { place += 1 }
            place += 1
            skipLines()
            if place >= parser.source.count {
                throw parser.failure(place - 1, "A value is missing after the comma.", isIncomplete: true)
            }
            parser.emit(",")
            parser.drop(to: place)
            _ = try parseValue(after: parameter, words: true)
        }
        parser.emit(")")
    }

    /// White space, line ends and comments after a comma.
    private mutating func skipLines() {
        while true {
            var ahead = lexer
            ahead.position = place
            _ = ahead.skipSpace()
            place = ahead.position
            // A backtick after a comma says what is so already.
            guard byte(place) == 96, LuaLexer.isLineEnd(byte(place + 1)) else { return }
            place += 1
        }
    }

    /// One value; `words`: a bare word is written so that it becomes a number when it is spelled like one.
    private mutating func parseValue(after parameter: String?, words: Bool) throws -> ValueKind {
        switch byte(place) {
        case 34, 39:
            if let parameter, Self.patternParameters.contains(parameter.lowercased()) {
                place = try parser.parsePattern(at: place)
            } else if byte(place) == 34 {
                place = try parser.parseExpandingString(at: place)
            } else {
                try copyString()
            }
            try checkEnd("a string")
        case 40:
            try parseParenthesised(at: place)
        case 123:
            let isApart = parser.options.knowledge.runsApart(stage.name, parameter)
            place = try isApart ? parser.parseBlockApart(at: place) : parser.parseBlock(at: place)
        case 36:
            if byte(place + 1) == 40 {
                parser.drop(to: place + 1)
                try parseParenthesised(at: place + 1)
            } else {
                try parseVariablePath(isSplat: false)
            }
        case 64 where byte(place + 1) == 123:
            place = try parser.parseHashTable(at: place)
        case 64 where byte(place + 1) == 40:
            throw parser.failure(place, "`@(…)` is not there.", "A list is written a, b or as a Lua table in parentheses: ({a, b}).")
        case 91 where lexer.longBracketLevel(place) != nil:
            guard let level = lexer.longBracketLevel(place), let end = lexer.endOfLongBracket(place, level) else {
                throw parser.failure(place, "The long string that begins here is not closed.", isIncomplete: true)
            }
            parser.flush(to: end)
            place = end
        default:
            return try parseWord(words: words)
        }
        return .value
    }

    private mutating func copyString() throws {
        guard let end = lexer.endOfString(place) else { throw parser.failure(place, "The string that begins here is not closed.") }
        parser.flush(to: end)
        place = end
    }

    /// A value must be followed by white space or by what ends it.
    private func checkEnd(_ what: String) throws {
        let next = byte(place)
        if place >= parser.source.count || LuaLexer.isBlank(next) || LuaLexer.isLineEnd(next) || ",;|)]}`".utf8.contains(next) { return }
        throw parser.failure(
            place, "`\(lexer.text(place, place + 1))` directly after \(what) is not clear.",
            "Put a space between two values, or quote them as one: \"…$name…\".")
    }

    /// `$vm.Name`, `$vms[1]`, `$d.AddDays(-7)`; for a splat without the dollar sign.
    private mutating func parseVariablePath(isSplat: Bool) throws {
        let start = place
        if !isSplat, lexer.endOfVariable(place) == nil {
            throw parser.failure(place, "`$` begins a variable, and no name follows.", "Quote a dollar sign: '$'.")
        }
        let mark = parser.output.count
        parser.resume(at: place)
        var expression: Expression
        if isSplat {
            let name = parser.text(of: parser.token)
            parser.advance()
            expression = Expression(name: name, path: name)
        } else {
            expression = try parser.parseVariable()
        }
        let path = try parser.parseJoinedSuffixes()
        place = parser.lastEnd
        parser.flush(to: place)
        if path != nil || expression.path == nil { expression.path = expression.path.map { $0 + (path ?? "") } }
        let next = byte(place)
        guard place >= parser.source.count || LuaLexer.isBlank(next) || LuaLexer.isLineEnd(next) || ",;|)]}`".utf8.contains(next) else {
            var end = place
            while isWordByte(byte(end)) || byte(end) == 36 { end += 1 }
            let word = lexer.text(start, max(end, place + 1))
            throw parser.failure(
                start, "A word that begins with `$` must be a variable as a whole: `\(word)`.", "Put it in double quotes: \"\(word)\".")
        }
        parser.markMissing(mark, expression, always: true)
    }

    private mutating func parseParenthesised(at open: Int) throws {
        let mark = parser.output.count
        parser.resume(at: open)
        parser.advance()
        _ = try parser.parseInParentheses { try parser.parseExpression(ExpressionContext(commas: .lists)) }
        if parser.token.kind == .end {
            throw parser.failure(open, "The parenthesis that opens here is not closed.", isIncomplete: true)
        }
        try parser.expect(.closeParenthesis, closing: open)
        _ = try parser.parseJoinedSuffixes()
        place = parser.lastEnd
        parser.flush(to: place)
        try checkEnd("`)`")
        parser.markMissing(mark, Expression(), always: true)
    }

    // MARK: Words

    private func isWordByte(_ byte: UInt8) -> Bool { LuaLexer.isNamePart(byte) || byte > 127 || "-./:*?[]=~@%+^\\".utf8.contains(byte) }

    private mutating func parseWord(words: Bool) throws -> ValueKind {
        let start = place
        var brackets = 0
        var expands = false
        scan: while place < parser.source.count {
            let here = byte(place)
            switch here {
            case 91: brackets += 1
            case 93:
                if brackets == 0 { break scan }
                brackets -= 1
            case 36:
                guard lexer.endOfVariable(place) != nil || byte(place + 1) == 40 else {
                    throw parser.failure(
                        place, "`$` in a word begins a variable, and no name follows.", "Quote the word with single quotes.")
                }
                expands = true
                if byte(place + 1) == 40 {
                    throw parser.failure(start, "`$(…)` stands in double quotes only.", "Quote the word: \"…$(…)…\".")
                }
                place = lexer.endOfVariable(place) ?? place + 1
                continue
            default:
                guard isWordByte(here) else { break scan }
            }
            place += 1
        }
        if place == start {
            throw parser.failure(place, "`\(lexer.text(place, place + 1))` may not stand in a bare word.", "Quote the word: '…'.")
        }
        let text = lexer.text(start, place)
        let next = byte(place)
        let ends = place >= parser.source.count || LuaLexer.isBlank(next) || LuaLexer.isLineEnd(next) || ",;|(){}\"'`]".utf8.contains(next)
        guard ends else {
            throw parser.failure(
                place, "`\(lexer.text(place, place + 1))` may not stand in a bare word.",
                "Quote the word: '\(text)\(lexer.text(place, place + 1))…'.")
        }
        if Self.operators.contains(text) || text == ".." && count > 0 && !isLast() {
            throw parser.failure(
                start, "`\(text)` between the words of a command is no operator.",
                "Put an expression in parentheses: (a \(text) b). Out-File writes a file.")
        }
        if expands {
            parser.copied = start
            try parser.emitExpansion(from: start, to: place, escapes: false)
            return .value
        }
        parser.drop(to: place)
        if lexer.endOfSize(start) == place {
            guard let bytes = LuaLexer.sizeValue(text) else {
                throw parser.failure(start, "`\(text)` is not a whole number of bytes, or too large.", "Write another unit.")
            }
            parser.emit("\(bytes)")
            return .value
        }
        parser.emit(words ? "\(parser.support).w(\(Parser.quoted(text)))" : Parser.quoted(text))
        parser.usesSupport = true
        return .word
    }

    private func isLast() -> Bool {
        var next = place
        while LuaLexer.isBlank(byte(next)) { next += 1 }
        return next >= parser.source.count || LuaLexer.isLineEnd(byte(next)) || ";|)".utf8.contains(byte(next))
    }
}

import Cmdlets

/// Splits source into Lua's tokens, from any place, so that the parser can read a command's words in between (Lua 5.4 manual, 3.1).
struct LuaLexer {
    let source: [UInt8]
    /// Where the next token is looked for.
    var position: Int

    init(_ source: [UInt8], at position: Int = 0) { (self.source, self.position) = (source, position) }

    func byte(_ place: Int) -> UInt8 { place < source.count ? source[place] : 0 }

    static func isNameStart(_ byte: UInt8) -> Bool { byte >= 97 && byte <= 122 || byte >= 65 && byte <= 90 || byte == 95 }
    static func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
    static func isLineEnd(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }
    static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 11 || byte == 12 }

    func text(_ start: Int, _ end: Int) -> String { String(decoding: source[start..<end], as: UTF8.self) }

    /// Skips white space and comments; tells whether there were any, and whether a line ended.
    mutating func skipSpace() -> (any: Bool, line: Bool) {
        var (any, line) = (false, false)
        while position < source.count {
            let here = source[position]
            if Self.isLineEnd(here) {
                (any, line) = (true, true)
                position += 1
            } else if Self.isBlank(here) {
                any = true
                position += 1
            } else if here == 45, byte(position + 1) == 45 {
                any = true
                let start = position
                position = endOfComment(position)
                if source[start..<position].contains(where: Self.isLineEnd) { line = true }
            } else {
                break
            }
        }
        return (any, line)
    }

    /// The end of the comment that begins at `start`: before the line end, or after the closing bracket; an unclosed one reaches to
    /// the source's end.
    func endOfComment(_ start: Int) -> Int {
        if byte(start + 2) == 91, let level = longBracketLevel(start + 2) {
            return endOfLongBracket(start + 2, level) ?? source.count
        }
        var place = start
        while place < source.count, !Self.isLineEnd(source[place]) { place += 1 }
        return place
    }

    /// The number of `=` when a long bracket opens at `start`.
    func longBracketLevel(_ start: Int) -> Int? {
        guard byte(start) == 91 else { return nil }
        var place = start + 1
        while byte(place) == 61 { place += 1 }
        return byte(place) == 91 ? place - start - 1 : nil
    }

    func endOfLongBracket(_ start: Int, _ level: Int) -> Int? {
        var place = start + level + 2
        while place < source.count {
            if source[place] == 93 {
                var next = place + 1
                while byte(next) == 61 { next += 1 }
                if next - place - 1 == level, byte(next) == 93 { return next + 1 }
                place = max(next, place + 1)
            } else {
                place += 1
            }
        }
        return nil
    }

    /// The end of the quoted string that begins at `start`; nil when it is not closed on its line.
    func endOfString(_ start: Int) -> Int? {
        let quote = source[start]
        var place = start + 1
        while place < source.count {
            switch source[place] {
            case quote: return place + 1
            case 92:
                if byte(place + 1) == 122 {
                    // \z skips white space, line ends among it.
                    place += 2
                    while place < source.count, Self.isBlank(source[place]) || Self.isLineEnd(source[place]) { place += 1 }
                } else if byte(place + 1) == 13, byte(place + 2) == 10 {
                    place += 3
                } else {
                    place += 2
                }
            case 10, 13: return nil
            default: place += 1
            }
        }
        return nil
    }

    mutating func next() -> Token {
        let space = skipSpace()
        let start = position
        guard start < source.count else { return token(.end, start, start, space) }
        let here = source[start]
        if Self.isNameStart(here) {
            while position < source.count, Self.isNamePart(source[position]) { position += 1 }
            if position - start <= 8, let keyword = Keyword.byName[text(start, position)] {
                return token(.keyword(keyword), start, position, space)
            }
            return token(.name, start, position, space)
        }
        if Self.isDigit(here) || here == 46 && Self.isDigit(byte(start + 1)) { return number(start, space) }
        if here == 34 || here == 39 {
            guard let end = endOfString(start) else { return invalid(start, space) }
            position = end
            return token(.string, start, end, space)
        }
        if here == 91, let level = longBracketLevel(start) {
            guard let end = endOfLongBracket(start, level) else { return invalid(start, space) }
            position = end
            return token(.string, start, end, space)
        }
        if here == 36 { return variable(start, space) }
        for length in [3, 2, 1] where start + length <= source.count {
            if let symbol = Symbol(rawValue: text(start, start + length)) {
                position = start + length
                return token(.symbol(symbol), start, position, space)
            }
        }
        return invalid(start, space)
    }

    private func token(_ kind: Token.Kind, _ start: Int, _ end: Int, _ space: (any: Bool, line: Bool)) -> Token {
        Token(kind: kind, start: start, end: end, isSpaced: space.any, startsLine: space.line)
    }

    private mutating func invalid(_ start: Int, _ space: (any: Bool, line: Bool)) -> Token {
        position = source.count
        return token(.invalid, start, start + 1, space)
    }

    /// Lua's rule: digits, letters, dots, and a sign after an exponent's letter; a size literal ends with its unit.
    private mutating func number(_ start: Int, _ space: (any: Bool, line: Bool)) -> Token {
        if let size = endOfSize(start) {
            position = size
            return token(.size(SizeText.parse(text(start, size))), start, size, space)
        }
        let isHexadecimal = source[start] == 48 && byte(start + 1) | 32 == 120
        var place = start
        while place < source.count {
            let here = source[place]
            if isHexadecimal ? here | 32 == 112 : here | 32 == 101, byte(place + 1) == 43 || byte(place + 1) == 45 {
                place += 2
            } else if Self.isNamePart(here) || here == 46 {
                place += 1
            } else {
                break
            }
        }
        position = place
        return token(.number, start, place, space)
    }

    /// The end of `512MB`, `1.5GB` at `start`, when no name goes on after the unit.
    func endOfSize(_ start: Int) -> Int? {
        var place = start
        while Self.isDigit(byte(place)) { place += 1 }
        guard place > start else { return nil }
        if byte(place) == 46, Self.isDigit(byte(place + 1)) {
            place += 1
            while Self.isDigit(byte(place)) { place += 1 }
        }
        guard "kmgtp".utf8.contains(byte(place) | 32), byte(place + 1) | 32 == 98, !Self.isNamePart(byte(place + 2)) else { return nil }
        return place + 2
    }

    private mutating func variable(_ start: Int, _ space: (any: Bool, line: Bool)) -> Token {
        if byte(start + 1) == 40 {
            position = start + 2
            return token(.symbol(.dollarParenthesis), start, position, space)
        }
        guard let end = endOfVariable(start) else { return invalid(start, space) }
        position = end
        return token(.variable, start, end, space)
    }

    /// The end of `$name`, `$scope:name` or `${name}` at `start`.
    func endOfVariable(_ start: Int) -> Int? {
        var place = start + 1
        if byte(place) == 123 {
            place += 1
            let name = place
            while Self.isNamePart(byte(place)) || byte(place) == 58 { place += 1 }
            return place > name && byte(place) == 125 ? place + 1 : nil
        }
        guard Self.isNameStart(byte(place)) else { return nil }
        while Self.isNamePart(byte(place)) { place += 1 }
        let scope = text(start + 1, place).lowercased()
        if ["env", "global", "script", "local", "private", "using", "variable"].contains(scope), byte(place) == 58,
            Self.isNameStart(byte(place + 1))
        {
            place += 1
            while Self.isNamePart(byte(place)) { place += 1 }
        }
        return place
    }
}

extension LuaLexer {
    /// The bytes that a size literal stands for; nil when they are not a whole number or too many.
    static func sizeValue(_ text: String) -> Int64? { SizeText.parse(text) }
}

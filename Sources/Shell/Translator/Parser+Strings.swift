/// Strings of the command form, `@{ … }`, and what may follow a value without white space.
extension Parser {
    /// A double-quoted string at `place`, in which `$name`, `${name}` and `$(expression)` are replaced; gives the place after it.
    func parseExpandingString(at place: Int) throws -> Int {
        drop(to: place)
        guard let end = endOfExpandingString(place) else { throw failure(place, "The string that begins here is not closed.") }
        copied = place + 1
        try emitExpansion(from: place + 1, to: end - 1, escapes: true)
        copied = end
        lastEnd = end
        return end
    }

    /// The end of a double-quoted string; quotes inside `$(…)` do not end it.
    private func endOfExpandingString(_ start: Int) -> Int? {
        var place = start + 1
        var open = 0
        while place < source.count {
            switch source[place] {
            case 34:
                if open == 0 { return place + 1 }
                guard let end = lexer.endOfString(place) else { return nil }
                place = end
                continue
            case 39 where open > 0:
                guard let end = lexer.endOfString(place) else { return nil }
                place = end
                continue
            case 92 where open == 0:
                if lexer.byte(place + 1) == 122 {
                    place += 2
                    while place < source.count, LuaLexer.isBlank(source[place]) || LuaLexer.isLineEnd(source[place]) { place += 1 }
                    continue
                }
                place += lexer.byte(place + 1) == 13 && lexer.byte(place + 2) == 10 ? 2 : 1
            case 36 where lexer.byte(place + 1) == 40:
                open += 1
                place += 1
            case 40 where open > 0: open += 1
            case 41 where open > 0: open -= 1
            case 10, 13: return nil
            default: break
            }
            place += 1
        }
        return nil
    }

    /// Writes the text between two places with its variables replaced. `escapes`: it stands in a string, where a backslash escapes;
    /// else it is a bare word and stands for itself.
    func emitExpansion(from start: Int, to end: Int, escapes: Bool) throws {
        var pieces = 0
        var literal: [UInt8] = []
        let mark = output.count
        func endLiteral() {
            guard !literal.isEmpty || pieces == 0 else { return }
            emit(pieces == 0 ? "" : ",")
            emit("\"")
            output.append(contentsOf: literal)
            emit("\"")
            literal = []
            pieces += 1
        }
        var expands = false
        var place = start
        while place < end {
            let here = source[place]
            if escapes, here == 92 {
                if lexer.byte(place + 1) == 36 {
                    literal.append(36)
                } else {
                    literal.append(contentsOf: source[place..<min(place + 2, end)])
                }
                place += 2
                continue
            }
            guard here == 36, lexer.byte(place + 1) == 40 || lexer.endOfVariable(place) != nil else {
                if !escapes, here == 92 || here == 34 { literal.append(92) }
                literal.append(here)
                place += 1
                continue
            }
            endLiteral()
            expands = true
            pieces += 1
            emit(",")
            let value = output.count
            copied = place
            if lexer.byte(place + 1) == 40 {
                copied = place + 2
                resume(at: place + 2)
                _ = try parseInParentheses { try parseExpression(ExpressionContext(commas: .lists)) }
                guard token.isSymbol(.closeParenthesis), token.end <= end else {
                    throw failure(place, "`$(` is not closed in this string.")
                }
                flush(to: token.start)
                lastEnd = token.end
                place = token.end
                copied = place
                markMissing(value, Expression(), always: true)
            } else if let next = lexer.endOfVariable(place) {
                let isBraced = lexer.byte(place + 1) == 123
                copied = next
                let expression = try emitVariable(lexer.text(isBraced ? place + 2 : place + 1, isBraced ? next - 1 : next), place)
                lastEnd = next
                place = next
                markMissing(value, expression, always: true)
            }
        }
        if !literal.isEmpty || pieces == 0 { endLiteral() }
        if expands {
            usesSupport = true
            output.insert(contentsOf: "\(support).x(".utf8, at: mark)
            emit(")")
        }
        copied = end
    }

    /// A string that is a regular expression: its backslashes stay, and in double quotes variables are replaced.
    func parsePattern(at place: Int) throws -> Int {
        let quote = source[place]
        var end = place + 1
        while end < source.count, source[end] != quote {
            if LuaLexer.isLineEnd(source[end]) { throw failure(place, "The string that begins here is not closed.") }
            end += source[end] == 92 && end + 1 < source.count && !LuaLexer.isLineEnd(source[end + 1]) ? 2 : 1
        }
        guard end < source.count else { throw failure(place, "The string that begins here is not closed.") }
        drop(to: place)
        // A pattern's own `$` (the end of the text) is followed by no name.
        var pieces: [String] = []
        var literal: [UInt8] = []
        var at = place + 1
        var expands = false
        while at < end {
            if source[at] == 92 {
                literal.append(contentsOf: source[at..<min(at + 2, end)])
                at += 2
            } else if quote == 34, source[at] == 36, let next = lexer.endOfVariable(at), next <= end {
                pieces.append(Self.quoted(literal))
                literal = []
                let isBraced = lexer.byte(at + 1) == 123
                let before = output.count
                let expression = try emitVariable(lexer.text(isBraced ? at + 2 : at + 1, isBraced ? next - 1 : next), at)
                let written = String(decoding: output[before...], as: UTF8.self)
                output.removeSubrange(before...)
                pieces.append("\(support).v(\(written),\(Self.quoted(expression.path ?? "")))")
                expands = true
                at = next
            } else {
                literal.append(source[at])
                at += 1
            }
        }
        pieces.append(Self.quoted(literal))
        if expands {
            emitSupport("x(\(pieces.joined(separator: ",")))")
        } else {
            emit(pieces[0])
        }
        copied = end + 1
        lastEnd = end + 1
        return end + 1
    }

    /// Fields, indexes, calls and methods directly after a value; gives their text, nil when there are none.
    func parseJoinedSuffixes() throws -> String? {
        let start = lastEnd
        var isPlain = true
        while !token.isSpaced, !token.startsLine {
            switch token.kind {
            case .symbol(.dot):
                guard peek().kind == .name, !peek().isSpaced else {
                    throw failure(token.start, "A property's name is missing after the dot.")
                }
                advance()
                _ = try expectName()
            case .symbol(.colon):
                guard peek().kind == .name, !peek().isSpaced else { return text(from: start, isPlain) }
                advance()
                _ = try expectName()
                guard token.isSymbol(.openParenthesis) else { throw giveUp("function arguments expected") }
                try parseCall(of: nil)
                isPlain = false
            case .symbol(.openBracket):
                advance()
                _ = try parseInParentheses { try parseExpression(ExpressionContext(commas: .lists)) }
                try expect(.closeBracket)
            case .symbol(.openParenthesis):
                try parseCall(of: nil)
                isPlain = false
            default: return text(from: start, isPlain)
            }
        }
        return text(from: start, isPlain)
    }

    private func text(from start: Int, _ isPlain: Bool) -> String? {
        guard lastEnd > start else { return nil }
        let written = lexer.text(start, lastEnd)
        return isPlain && written.utf8.count < 60 && !written.utf8.contains(where: LuaLexer.isLineEnd) ? written : "…"
    }

    /// `@{ name = value; … }` at `place`: a Lua table; a block after `e =` or `Expression =`. Gives the place after it.
    func parseHashTable(at place: Int) throws -> Int {
        drop(to: place)
        copied = place + 1
        resume(at: place + 2)
        lastEnd = place + 2
        flush(to: place + 2)
        while !token.isSymbol(.closeBrace) {
            if token.kind == .end { throw failure(place, "The table that begins with `@{` here is not closed.", isIncomplete: true) }
            var key = text(of: token)
            switch token.kind {
            case .name: advance()
            case .keyword:
                flush(to: token.start)
                emit("[\"\(key)\"]")
                copied = token.end
                advance()
            case .string:
                flush(to: token.start)
                emit("[")
                flush(to: token.end)
                emit("]")
                key = ""
                advance()
            default: throw failure(token.start, "A name is expected in `@{ … }`.", "Write @{ Name = value; … }.")
            }
            guard token.isSymbol(.equals) else { throw failure(token.start, "`=` is expected after a name in `@{ … }`.") }
            advance()
            if token.isSymbol(.openBrace), ["e", "expression"].contains(key.lowercased()) {
                flush(to: token.start)
                resume(at: try parseBlock(at: token.start))
            } else if lexer.byte(token.start) == 64, lexer.byte(token.start + 1) == 123 {
                flush(to: token.start)
                resume(at: try nested { try parseHashTable(at: token.start) })
            } else {
                _ = try parseExpression(ExpressionContext(commas: .refused))
            }
            if token.isSymbol(.comma) || token.isSymbol(.semicolon) {
                advance()
            } else if !token.isSymbol(.closeBrace) {
                if token.kind == .end { continue }
                throw failure(token.start, "The fields of `@{ … }` are separated by `;` or `,`.")
            }
        }
        flush(to: token.end)
        lastEnd = token.end
        return token.end
    }
}

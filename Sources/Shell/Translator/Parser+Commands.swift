/// The command form: where it starts and ends, its stages, its arguments' places.
extension Parser {
    func parseCommandStatement(_ reference: Reference) throws {
        if reference.name.lowercased() == "import-module", try skipImport(reference) { return }
        try parseCommand(reference, display: true, commas: .lists, isOperand: false)
        endStatement(Expression(endsWithCommand: true))
    }

    /// `Import-Module Hyper-V` says what is so already.
    private func skipImport(_ reference: Reference) throws -> Bool {
        var end = reference.end
        while end < source.count, !LuaLexer.isLineEnd(source[end]), source[end] != 59 { end += 1 }
        guard lexer.text(reference.end, end).lowercased().contains("hyper-v") else { return false }
        flush(to: reference.start)
        drop(to: end)
        emit(";")
        resume(at: end)
        return true
    }

    /// A command or pipeline that begins with a cmdlet's name.
    func parseCommand(_ reference: Reference, display: Bool, commas: ExpressionContext.Commas, isOperand: Bool) throws {
        flush(to: reference.start)
        emitSupport(display ? "d{" : "e{")
        drop(to: reference.end)
        try nested { try parseStages(reference, commas, isOperand) }
    }

    /// A pipeline whose head was read already and stands at `head` of the output.
    func parsePipeline(head: Int, stage: Reference, display: Bool, commas: ExpressionContext.Commas) throws {
        wrap(head, "\(support).\(display ? "D" : "H")(", "){")
        drop(to: stage.end)
        try nested { try parseStages(stage, commas, false) }
    }

    private func parseStages(_ first: Reference, _ commas: ExpressionContext.Commas, _ isOperand: Bool) throws {
        var stage = first
        while true {
            emit("\(Self.quoted(stage.name)),\(line(at: stage.start)),{")
            var arguments = CommandArguments(parser: self, stage: stage, commas: commas)
            let end = try arguments.parse()
            emit("},")
            guard lexer.byte(end.place) == 124, !end.isEnd else {
                emit("}")
                resume(at: end.place)
                return
            }
            guard let next = stageReference(after: end.place + 1, hasCommand: true) else { throw noStage(after: end.place) }
            if isOperand {
                throw failure(end.place, "An operator stands left of this pipeline.", "Put the pipeline in parentheses.")
            }
            drop(to: next.end)
            stage = next
        }
    }

    private func noStage(after place: Int) -> TranslationError {
        var ahead = lexer
        ahead.position = place + 1
        _ = ahead.skipSpace()
        guard ahead.position < source.count else {
            return failure(place, "A cmdlet is missing after `|`.", isIncomplete: true)
        }
        let next = ahead.next()
        let word = lexer.text(next.start, min(next.end, next.start + 40))
        return failure(place, "A cmdlet is expected after `|`, not `\(word)`.", "Get-Command lists the cmdlets.")
    }

    /// `{ … }` at `place` becomes a function; gives the place after its `}`. A block that is one expression returns it.
    func parseBlock(at place: Int) throws -> Int {
        drop(to: place)
        usesSupport = true
        emit("function(\(support)it,...) ")
        copied = place + 1
        blockDepth += 1
        nesting += 1
        scopes.append([])
        defer {
            blockDepth -= 1
            nesting -= 1
            scopes.removeLast()
        }
        resume(at: place + 1)
        try nested { try parseBlockBody() }
        guard token.isSymbol(.closeBrace) else {
            if token.kind == .end {
                throw failure(place, "The block that begins with `{` here is not closed.", "Close it with `}`.", isIncomplete: true)
            }
            throw giveUp("'}' expected")
        }
        flush(to: token.start)
        emit(" end")
        copied = token.end
        lastEnd = token.end
        return token.end
    }

    private func parseBlockBody() throws {
        switch token.kind {
        case .symbol(.closeBrace), .end: return
        case .keyword(let keyword) where ![.not, .nil, .true, .false, .function].contains(keyword): return try parseStatements()
        case .keyword(.function) where peek().kind == .name: return try parseStatements()
        case .symbol(.semicolon), .symbol(.label): return try parseStatements()
        default: break
        }
        let start = mark()
        let first = try parseExpression(ExpressionContext(commas: .lists))
        if token.isSymbol(.closeBrace) {
            // Inserted before what stands there, so the expression's own line ends stay where they are.
            output.insert(contentsOf: "return ".utf8, at: start)
            return
        }
        if first.endsWithCommand {
            // A statement after all: it is shown, not returned.
            let letter = start + support.utf8.count + 1
            if letter < output.count {
                if output[letter] == 101 { output[letter] = 100 }
                if output[letter] == 72 { output[letter] = 68 }
            }
            endStatement(first)
        } else {
            try finishExpressionStatement(first, start, isFirst: false)
        }
        try parseStatements()
    }
}

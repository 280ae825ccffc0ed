/// Statements: Lua's, commands, and assignments to `$` variables.
extension Parser {
    func parseStatements(isFirst: Bool = false) throws {
        var isFirst = isFirst
        while true {
            switch token.kind {
            case .end, .keyword(.end), .keyword(.else), .keyword(.elseif), .keyword(.until): return
            case .symbol(.closeBrace): if blockDepth > 0 { return }
            default: break
            }
            if token.isKeyword(.return) {
                try parseReturn()
                return
            }
            try nested { try parseStatement(isFirst: isFirst) }
            isFirst = false
        }
    }

    /// Statements of an inner block of Lua, up to its closing keyword.
    func parseInner(_ locals: Set<String> = []) throws {
        nesting += 1
        scopes.append(locals)
        defer {
            nesting -= 1
            scopes.removeLast()
        }
        try parseStatements()
    }

    private func parseStatement(isFirst: Bool) throws {
        let start = token.start
        switch token.kind {
        case .symbol(.semicolon): advance()
        case .symbol(.label):
            advance()
            _ = try expectName()
            try expect(.label)
        case .keyword(.break): advance()
        case .keyword(.goto):
            advance()
            _ = try expectName()
        case .keyword(.if): try parseIf(start)
        case .keyword(.while):
            advance()
            try parseCondition()
            try expect(.do)
            try parseInner()
            try expect(.end, closing: start)
        case .keyword(.do):
            advance()
            try parseInner()
            try expect(.end, closing: start)
        case .keyword(.for): try parseFor(start)
        case .keyword(.repeat):
            advance()
            // The condition sees the locals of the body.
            scopes.append([])
            nesting += 1
            try parseStatements()
            nesting -= 1
            try expect(.until, closing: start)
            endStatement(try parseCondition())
            scopes.removeLast()
        case .keyword(.function): try parseFunctionStatement(start)
        case .keyword(.local): try parseLocal()
        case .symbol(.hash):
            // `#Requires …`, as scripts of trained hands carry it.
            guard lexer.text(start, min(start + 9, source.count)).lowercased() == "#requires", token.startsLine else {
                throw giveUp("unexpected symbol")
            }
            flush(to: start)
            drop(to: lexer.endOfComment(start))
            resume(at: copied)
        default: try parseExpressionStatement(isFirst: isFirst)
        }
    }

    private func parseIf(_ start: Int) throws {
        advance()
        try parseCondition()
        try expect(.then)
        try parseInner()
        while accept(.elseif) {
            try parseCondition()
            try expect(.then)
            try parseInner()
        }
        if accept(.else) { try parseInner() }
        try expect(.end, closing: start)
    }

    /// A condition: an empty list counts as false when it is one cmdlet call, command or pipeline.
    @discardableResult
    private func parseCondition() throws -> Expression {
        let start = mark()
        let expression = try parseExpression(ExpressionContext(commas: .lists, isCondition: true))
        if expression.isCommand { wrap(start, "\(support).t(", ")") }
        return expression
    }

    private func parseFor(_ start: Int) throws {
        advance()
        acceptDollar()
        var variables = [try expectName()]
        declare(variables[0])
        if accept(.equals) {
            _ = try parseExpression(ExpressionContext(commas: .refused))
            try expect(.comma)
            _ = try parseExpression(ExpressionContext(commas: .refused))
            if accept(.comma) { _ = try parseExpression(ExpressionContext(commas: .refused)) }
        } else {
            while accept(.comma) {
                acceptDollar()
                variables.append(try expectName())
                declare(variables[variables.count - 1])
            }
            try expect(.in)
            let list = mark()
            let expression = try parseExpression(ExpressionContext(commas: .lists))
            if token.isSymbol(.comma) {
                while accept(.comma) { _ = try parseExpression(ExpressionContext(commas: .refused)) }
            } else if expression.isCommand || expression.isVariablePath {
                wrap(list, "\(support).each\(min(variables.count, 2))(", ")")
            }
        }
        try expect(.do)
        try parseInner(Set(variables))
        try expect(.end, closing: start)
    }

    /// `$x` where Lua wants a name: the dollar sign goes.
    private func acceptDollar() {
        guard token.kind == .variable, lexer.byte(token.start + 1) != 123 else { return }
        flush(to: token.start)
        copied = token.start + 1
        resume(at: token.start + 1)
    }

    private func parseFunctionStatement(_ start: Int) throws {
        advance()
        let place = token.start
        let name = try expectName()
        declare(name)
        try checkReach(name, place)
        while accept(.dot) { _ = try expectName() }
        var locals: Set<String> = []
        if accept(.colon) {
            _ = try expectName()
            locals.insert("self")
        }
        try parseFunctionBody(start, locals)
    }

    /// `(parameters) … end`, after `function` and its name.
    func parseFunctionBody(_ start: Int, _ locals: Set<String> = []) throws {
        var locals = locals
        try expect(.openParenthesis)
        while !token.isSymbol(.closeParenthesis) {
            if accept(.dots) { break }
            acceptDollar()
            let name = try expectName()
            declare(name)
            locals.insert(name)
            if !accept(.comma) { break }
        }
        try expect(.closeParenthesis)
        try parseInner(locals)
        try expect(.end, closing: start)
    }

    func declare(_ name: String) { assignedNames.insert(name) }

    private func parseLocal() throws {
        let start = token.start
        advance()
        let isSessions = options.isInteractive && nesting == 0 && blockDepth == 0
        if accept(.function) {
            let name = token
            declare(try expectName())
            scopes[scopes.count - 1].insert(text(of: name))
            if isSessions { replace(start, name.start, "function ", "\(support).scope.") }
            try parseFunctionBody(start)
            return
        }
        let isKept = isSessions && !isClosedLater()
        if isKept {
            flush(to: start)
            drop(to: token.start)
        }
        var locals: Set<String> = []
        // A local is there only behind its statement: `local x = x`.
        defer { scopes[scopes.count - 1].formUnion(locals) }
        var count = 0
        repeat {
            acceptDollar()
            if isKept {
                flush(to: token.start)
                emitSupport("scope.")
            }
            let name = try expectName()
            declare(name)
            locals.insert(name)
            count += 1
            if token.isSymbol(.less) {
                let attribute = token.start
                advance()
                _ = try expectName()
                try expect(.greater)
                if isKept {
                    flush(to: attribute)
                    drop(to: lastEnd)
                }
            }
        } while accept(.comma)
        if accept(.equals) {
            endStatement(try parseAssigned(count: count))
        } else if isKept {
            flush(to: lastEnd)
            emit("=nil")
        }
    }

    /// A `<close>` stands among the names of the local statement that begins here; such a variable needs a scope that ends.
    private func isClosedLater() -> Bool {
        var ahead = lexer
        ahead.position = token.start
        for _ in 0..<1000 {
            let next = ahead.next()
            switch next.kind {
            case .name: if lexer.text(next.start, next.end) == "close" { return true }
            case .variable, .symbol(.comma), .symbol(.less), .symbol(.greater): continue
            default: return false
            }
        }
        return false
    }

    /// Replaces the source from `start` to `end` by `text`, keeping line ends, and puts `before` behind it.
    private func replace(_ start: Int, _ end: Int, _ text: String, _ before: String) {
        flush(to: start)
        emit(text)
        drop(to: end)
        usesSupport = true
        emit(before)
    }

    /// The right side of an assignment to `count` targets.
    private func parseAssigned(count: Int) throws -> Expression {
        var expression = try parseExpression(ExpressionContext(commas: count == 1 ? .lists : .refused))
        while accept(.comma) { expression = try parseExpression(ExpressionContext(commas: .refused)) }
        return expression
    }

    private func parseReturn() throws {
        advance()
        if !isAtBlockEnd, !token.isSymbol(.semicolon) {
            var expression = try parseExpression(ExpressionContext(commas: .lists))
            while accept(.comma) { expression = try parseExpression(ExpressionContext(commas: .refused)) }
            endStatement(expression)
        }
        _ = accept(.semicolon)
        guard isAtBlockEnd else { throw giveUp("'<eof>' expected") }
    }

    var isAtBlockEnd: Bool {
        switch token.kind {
        case .end, .keyword(.end), .keyword(.else), .keyword(.elseif), .keyword(.until): true
        case .symbol(.closeBrace): blockDepth > 0
        default: false
        }
    }

    /// After a command that ends a statement the next line must not be read as a call of its value.
    func endStatement(_ expression: Expression) {
        guard expression.endsWithCommand, !token.isSymbol(.semicolon) else { return }
        flush(to: lastEnd)
        emit(";")
    }

    private func parseExpressionStatement(isFirst: Bool) throws {
        if let reference = commandReference(at: token.start), !isFunctionForm(reference) {
            if isFirst { startsWithCommand = true }
            try parseCommandStatement(reference)
            return
        }
        if options.isInteractive, nesting == 0, token.startsLine, let reference = aliasReference(at: token.start, isHead: true) {
            if isFirst { startsWithCommand = true }
            try parseCommandStatement(reference)
            return
        }
        try refuseLiteralHead()
        let start = mark()
        let first = try parseSuffixed(ExpressionContext(commas: .lists))
        try finishExpressionStatement(first, start, isFirst: isFirst)
    }

    /// `"a" | Write-Output` and `"a", "b" | …`: PowerShell begins a pipeline so, Lua no statement.
    private func refuseLiteralHead() throws {
        var ahead = lexer
        var here = token
        var words: [String] = []
        while words.count < 20 {
            switch here.kind {
            case .number, .string, .size: words.append(lexer.text(here.start, min(here.end, here.start + 30)))
            default: return
            }
            here = ahead.next()
            guard here.isSymbol(.comma) else { break }
            here = ahead.next()
        }
        guard here.isSymbol(.pipe), stageReference(after: here.end, hasCommand: false) != nil else { return }
        let list = words.joined(separator: ", ")
        let range = words[0].split(separator: ".", omittingEmptySubsequences: true)
        if words.count == 1, words[0].contains(".."), range.count == 2 {
            throw failure(
                token.start, "A pipeline may not begin with a plain value.",
                "Lua counts with a loop: for i = \(range[0]), \(range[1]) do … end")
        }
        throw failure(
            token.start, "A pipeline may not begin with a plain value.",
            "Put it in parentheses: \(words.count == 1 ? "(\(list))" : "({\(list)})") | …")
    }

    /// The statement that begins with `first`, which stands at `start` of the output: a call, a pipeline or an assignment.
    func finishExpressionStatement(_ first: Expression, _ start: Int, isFirst: Bool) throws {
        if token.isSymbol(.pipe), let stage = stageReference(after: token.end, hasCommand: first.isCommand) {
            if isFirst { startsWithCommand = true }
            try parsePipeline(head: start, stage: stage, display: true, commas: .lists)
            endStatement(Expression(endsWithCommand: true))
            return
        }
        if token.isSymbol(.equals) || token.isSymbol(.comma) {
            guard first.isAssignable else { throw giveUp("syntax error") }
            if let name = first.name { declare(name) }
            var count = 1
            while accept(.comma) {
                let target = try parseSuffixed(ExpressionContext(commas: .refused))
                guard target.isAssignable else { throw giveUp("syntax error") }
                if let name = target.name { declare(name) }
                count += 1
            }
            try expect(.equals)
            endStatement(try parseAssigned(count: count))
            return
        }
        if !first.isCall, blockDepth > 0, token.isSymbol(.closeBrace) {
            throw failure(token.start, "A value by itself is no statement, and this block has several.", "Write `return` before the value.")
        }
        guard first.isCall else { throw giveUp("syntax error") }
    }
}

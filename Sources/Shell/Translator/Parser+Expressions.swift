/// What an expression turned out to be, for those who wrap or check it.
struct Expression {
    /// One cmdlet call, command or pipeline, in parentheses or not.
    var isCommand = false
    /// Its last words are a command's, so that a statement which it ends needs a `;`.
    var endsWithCommand = false
    var isCall = false
    var isAssignable = false
    /// `name`, and nothing else.
    var name: String?
    /// The text of a variable with fields, for messages about a missing value.
    var path: String?
    /// Begins with `$` and is a variable with fields.
    var isVariablePath = false
    /// May stand left of a pipeline: a variable, a call, parentheses.
    var isHead = false
}

/// Where an expression stands.
struct ExpressionContext {
    enum Commas { case lists, refused }
    /// What a comma after a command's value means.
    var commas: Commas
    /// The whole condition of `if` and kin, or an operand of `not`, `and`, `or` in it.
    var isCondition = false
    /// An operator other than `not`, `and`, `or` stands to the left.
    var isOperand = false

    var inner: ExpressionContext { ExpressionContext(commas: commas, isCondition: false, isOperand: true) }
}

extension Parser {
    func parseExpression(_ context: ExpressionContext) throws -> Expression {
        guard blockDepth > 0 else { return try parseOperators(0, context) }
        return try parseLogic(context)
    }

    /// `-and`, `-or` and `-xor` of a block: one precedence, from the left, as in PowerShell.
    private func parseLogic(_ context: ExpressionContext) throws -> Expression {
        let start = mark()
        var result = try parseOperators(0, context)
        var previous: String?
        while let word = blockWord(), ["and", "or"].contains(word.text) {
            if let previous, previous != word.text { wrap(start, "(", ")") }
            previous = word.text
            flush(to: token.start)
            emit(" \(word.text) ")
            copied = word.end
            resume(at: word.end)
            _ = try nested { try parseOperators(0, context.inner) }
            result = Expression()
        }
        return result
    }

    /// A word such as `-eq` at the current token, inside a block.
    func blockWord() -> (text: String, end: Int)? {
        guard blockDepth > 0, token.isSymbol(.minus), LuaLexer.isNameStart(lexer.byte(token.end)) else { return nil }
        var end = token.end
        while LuaLexer.isNamePart(lexer.byte(end)) { end += 1 }
        let text = lexer.text(token.end, end).lowercased()
        return Self.blockWords.contains(text) ? (text, end) : nil
    }

    static let comparisons: Set<String> = {
        let plain = ["eq", "ne", "gt", "ge", "lt", "le", "like", "notlike", "match", "notmatch", "in", "notin", "contains", "notcontains"]
        return Set(plain + plain.map { "c" + $0 } + plain.map { "i" + $0 })
    }()
    static let blockWords = comparisons.union(["and", "or", "not"])

    /// Lua's binary operators with their left and right precedence (manual, 3.4.8).
    private func precedence(_ token: Token) -> (left: Int, right: Int)? {
        switch token.kind {
        case .keyword(.or): (1, 1)
        case .keyword(.and): (2, 2)
        case .symbol(let symbol):
            switch symbol {
            case .less, .greater, .lessEqual, .greaterEqual, .notEqual, .equal: (3, 3)
            case .pipe: (4, 4)
            case .tilde: (5, 5)
            case .ampersand: (6, 6)
            case .shiftLeft, .shiftRight: (7, 7)
            case .concatenate: (9, 8)
            case .plus, .minus: (10, 10)
            case .star, .slash, .floorDivide, .percent: (11, 11)
            case .caret: (14, 13)
            default: nil
            }
        default: nil
        }
    }

    private func parseOperators(_ limit: Int, _ context: ExpressionContext) throws -> Expression {
        try nested {
            let start = mark()
            var left = try parseUnary(context)
            while true {
                if let word = blockWord() {
                    guard Self.comparisons.contains(word.text), limit < 3 else { break }
                    left = try parseComparison(start, word, context)
                    continue
                }
                guard let (leftSide, rightSide) = precedence(token), leftSide > limit else { break }
                let isLogical = token.isKeyword(.and) || token.isKeyword(.or)
                advance()
                var inner = isLogical ? context : context.inner
                inner.isOperand = context.isOperand || !isLogical
                let right = try parseOperators(rightSide, inner)
                left = Expression(endsWithCommand: right.endsWithCommand)
            }
            return left
        }
    }

    private func parseComparison(_ start: Int, _ word: (text: String, end: Int), _ context: ExpressionContext) throws -> Expression {
        wrap(start, "\(support).op(\"\(word.text)\",", ",")
        drop(to: word.end)
        if word.text.hasSuffix("match") {
            // Backslashes of a pattern stay as they are.
            var place = word.end
            while LuaLexer.isBlank(lexer.byte(place)) { place += 1 }
            if lexer.byte(place) == 34 || lexer.byte(place) == 39 {
                drop(to: place)
                let end = try parsePattern(at: place)
                resume(at: end)
                emit(")")
                return Expression()
            }
        }
        resume(at: word.end)
        let right = mark()
        _ = try parseOperators(3, context.inner)
        if word.text.hasSuffix("in"), context.commas == .lists, token.isSymbol(.comma) {
            // `-in 'a', 'b'`: the values of one list, as after Where-Object's own -In.
            while accept(.comma) { _ = try parseOperators(3, context.inner) }
            wrap(right, "{", "}")
        }
        flush(to: lastEnd)
        emit(")")
        return Expression()
    }

    private func parseUnary(_ context: ExpressionContext) throws -> Expression {
        if blockDepth > 0 {
            if token.isSymbol(.exclamation) {
                flush(to: token.start)
                emit("not ")
                copied = token.end
                advance()
                return try parseNegated(context)
            }
            if let word = blockWord(), word.text == "not" {
                flush(to: token.start)
                emit("not ")
                copied = word.end
                resume(at: word.end)
                return try parseNegated(context)
            }
        }
        switch token.kind {
        case .keyword(.not):
            advance()
            return try parseNegated(context)
        case .symbol(.minus), .symbol(.hash), .symbol(.tilde):
            advance()
            let operand = try parseOperators(12, context.inner)
            return Expression(endsWithCommand: operand.endsWithCommand)
        default: return try parseSimple(context)
        }
    }

    private func parseNegated(_ context: ExpressionContext) throws -> Expression {
        let start = mark()
        let operand = try parseOperators(12, context)
        if context.isCondition || blockDepth > 0, operand.isCommand { wrap(start, "\(support).t(", ")") }
        return Expression(endsWithCommand: operand.endsWithCommand)
    }

    private func parseSimple(_ context: ExpressionContext) throws -> Expression {
        switch token.kind {
        case .number, .string, .keyword(.nil), .keyword(.true), .keyword(.false), .symbol(.dots):
            let literal = token
            advance()
            if token.isSymbol(.pipe), stageReference(after: token.end, hasCommand: false) != nil {
                let shown = lexer.text(literal.start, min(literal.end, literal.start + 30))
                let range = shown.split(separator: ".", omittingEmptySubsequences: true)
                let action =
                    shown.contains("..") && range.count == 2
                    ? "Lua counts with a loop: for i = \(range[0]), \(range[1]) do … end" : "Put it in parentheses: (\(shown)) | …"
                throw failure(token.start, "A pipeline may not begin with a plain value.", action)
            }
            return Expression()
        case .size(let bytes):
            guard let bytes else {
                throw failure(token.start, "`\(text(of: token))` is not a whole number of bytes, or too large.", "Write another unit.")
            }
            flush(to: token.start)
            // `1KB..x`: a digit before the dots would spoil the number.
            emit(lexer.byte(token.end) == 46 ? "\(bytes) " : "\(bytes)")
            copied = token.end
            advance()
            return Expression()
        case .symbol(.openBrace):
            try parseTable(marking: false)
            return Expression()
        case .keyword(.function):
            let start = token.start
            advance()
            try parseFunctionBody(start)
            return Expression()
        default: break
        }
        let start = mark()
        let head = try parseSuffixed(context)
        guard token.isSymbol(.pipe), head.isHead, let stage = stageReference(after: token.end, hasCommand: head.isCommand) else {
            return head
        }
        if context.isOperand {
            throw failure(
                token.start, "An operator stands left of this pipeline.", "Put the pipeline in parentheses: … + (x | \(stage.name)).")
        }
        try parsePipeline(head: start, stage: stage, display: false, commas: context.commas)
        return Expression(isCommand: true, endsWithCommand: true)
    }

    /// A variable, parentheses or a cmdlet, with what follows: fields, indexes, calls, methods.
    func parseSuffixed(_ context: ExpressionContext) throws -> Expression {
        var result = try parsePrimary(context)
        if result.endsWithCommand { return result }
        while true {
            switch token.kind {
            case .symbol(.dot):
                advance()
                let field = try expectName()
                result = Expression(
                    isAssignable: true, path: result.path.map { "\($0).\(field)" }, isVariablePath: result.isVariablePath, isHead: true)
            case .symbol(.openBracket):
                advance()
                try parseInParentheses { _ = try parseExpression(ExpressionContext(commas: .lists)) }
                try expect(.closeBracket)
                result = Expression(
                    isAssignable: true, path: result.path.map { "\($0)[…]" }, isVariablePath: result.isVariablePath, isHead: true)
            case .symbol(.colon):
                advance()
                _ = try expectName()
                guard token.isSymbol(.openParenthesis) || token.isSymbol(.openBrace) || token.kind == .string else {
                    throw giveUp("function arguments expected")
                }
                try parseCall(of: nil)
                result = Expression(isCall: true, isHead: true)
            case .symbol(.openParenthesis):
                if token.startsLine, isPipelineInParentheses(token.start) { return result }
                try parseCall(of: nil)
                result = Expression(isCall: true, isHead: true)
            case .symbol(.openBrace), .string:
                // In a block's first words `$_.Name "x"` is no call: a block that follows on the same line belongs to the command.
                try parseCall(of: nil)
                result = Expression(isCall: true, isHead: true)
            default: return result
            }
        }
    }

    private func parsePrimary(_ context: ExpressionContext) throws -> Expression {
        switch token.kind {
        case .name:
            if let reference = commandReference(at: token.start) { return try parseReference(reference, context) }
            let name = text(of: token)
            try checkReach(name, token.start)
            advance()
            return Expression(isAssignable: true, name: name, path: name, isHead: true)
        case .variable: return try parseVariable()
        case .symbol(.dollarParenthesis), .symbol(.openParenthesis):
            let start = token.start
            if token.isSymbol(.dollarParenthesis) {
                flush(to: start)
                copied = start + 1
            }
            advance()
            let inner = try parseInParentheses { try parseExpression(ExpressionContext(commas: .lists, isCondition: context.isCondition)) }
            try expect(.closeParenthesis, closing: start)
            return Expression(isCommand: inner.isCommand, isHead: true)
        default: throw giveUp("unexpected symbol")
        }
    }

    /// A cmdlet's name where an expression may begin: a call of Lua, or a command.
    private func parseReference(_ reference: Reference, _ context: ExpressionContext) throws -> Expression {
        if isFunctionForm(reference) {
            flush(to: reference.start)
            emitReference(reference)
            copied = reference.end
            resume(at: reference.end)
            try parseCall(of: reference)
            return Expression(isCommand: true, isCall: true, isHead: true)
        }
        let start = mark()
        try parseCommand(reference, display: false, commas: context.commas, isOperand: context.isOperand)
        _ = start
        return Expression(isCommand: true, endsWithCommand: true)
    }

    func parseInParentheses<Result>(_ body: () throws -> Result) throws -> Result { try nested(body) }

    /// `$name` and the special variables.
    func parseVariable() throws -> Expression {
        let place = token.start
        let isBraced = lexer.byte(place + 1) == 123
        let name = lexer.text(isBraced ? place + 2 : place + 1, isBraced ? token.end - 1 : token.end)
        flush(to: place)
        copied = token.end
        advance()
        if name.lowercased() == "null", token.isSymbol(.equals) || token.isSymbol(.comma) && isAssignmentAhead() {
            // As a target it takes a value and forgets it.
            emitSupport("null")
            return Expression(isAssignable: true)
        }
        return try emitVariable(name, place)
    }

    /// Writes what `$name` stands for.
    func emitVariable(_ fullName: String, _ place: Int) throws -> Expression {
        var name = fullName
        if let colon = name.firstIndex(of: ":") {
            let scope = name[..<colon].lowercased()
            name = String(name[name.index(after: colon)...])
            if scope == "env" {
                emitSupport("env[\"\(name)\"]")
                return Expression(isAssignable: true, path: "env:\(name)", isVariablePath: true, isHead: true)
            }
            if scope == "using" { return try emitUsing(name, place) }
        }
        switch name.lowercased() {
        case "true", "false":
            emit(name.lowercased())
            return Expression()
        case "null":
            emit("nil")
            return Expression()
        case "_":
            guard blockDepth > 0 else {
                throw failure(place, "`$_` is the current object of a block, and there is no block here.", "A plain Lua name is `_`.")
            }
            usesSupport = true
            emit("\(support)it")
            return Expression(isAssignable: true, path: "_", isVariablePath: true, isHead: true)
        case "args": emitSupport("args")
        case "error": emitSupport("errors")
        case "psscriptroot": emitSupport("id(\(Self.quoted(options.scriptRoot)))")
        case let preference where Self.preferences.contains(preference): emitSupport("pref[\"\(name)\"]")
        default:
            // `$end` would be a keyword without its dollar sign.
            guard Keyword.byName[name] == nil else {
                throw failure(place, "`$\(name)` would be Lua's word `\(name)`.", "Give the variable another name.")
            }
            try checkReach(name, place)
            emit(name)
            return Expression(isAssignable: true, name: name, path: name, isVariablePath: true, isHead: true)
        }
        return Expression(isAssignable: true, path: name, isVariablePath: true, isHead: true)
    }

    static let preferences: Set<String> = [
        "erroractionpreference", "warningpreference", "verbosepreference", "confirmpreference", "whatifpreference", "progresspreference",
        "debugpreference", "informationpreference",
    ]

    /// From a comma among targets: an `=` comes before the statement ends.
    private func isAssignmentAhead() -> Bool {
        var ahead = lexer
        for _ in 0..<64 {
            let next = ahead.next()
            switch next.kind {
            case .symbol(.equals): return true
            case .name, .variable, .symbol(.comma), .symbol(.dot): continue
            default: return false
            }
        }
        return false
    }

    /// `(…)` whose closing parenthesis is followed by `|` and a cmdlet.
    private func isPipelineInParentheses(_ start: Int) -> Bool {
        var ahead = lexer
        ahead.position = start
        var open = 0
        while true {
            let next = ahead.next()
            switch next.kind {
            case .end, .invalid: return false
            case .symbol(.openParenthesis), .symbol(.dollarParenthesis), .symbol(.openBrace), .symbol(.openBracket): open += 1
            case .symbol(.closeParenthesis), .symbol(.closeBrace), .symbol(.closeBracket):
                open -= 1
                if open == 0 {
                    let after = ahead.next()
                    return after.isSymbol(.pipe) && stageReference(after: after.end, hasCommand: false) != nil
                }
            default: break
            }
        }
    }

    // MARK: Calls and tables

    /// The arguments of a call; `reference`: of a cmdlet, whose named fields are marked so that nil there is noticed.
    func parseCall(of reference: Reference?) throws {
        let start = token.start
        switch token.kind {
        case .string: advance()
        case .symbol(.openBrace):
            if reference != nil, peek().isSymbol(.closeBrace) { throw emptyTable(reference, start) }
            try parseTable(marking: reference != nil)
        default:
            try expect(.openParenthesis)
            while !token.isSymbol(.closeParenthesis) {
                let argument = mark()
                if reference != nil, token.isSymbol(.openBrace) {
                    if peek().isSymbol(.closeBrace) { throw emptyTable(reference, token.start) }
                    try parseTable(marking: true)
                    if token.isSymbol(.comma) || token.isSymbol(.closeParenthesis) {
                        if !accept(.comma) { break }
                        continue
                    }
                    throw giveUp("')' expected")
                }
                let expression = try parseExpression(ExpressionContext(commas: .refused))
                if reference != nil { markMissing(argument, expression, always: false) }
                if !accept(.comma) { break }
                if token.isSymbol(.closeParenthesis) { throw giveUp("unexpected symbol") }
            }
            try expect(.closeParenthesis, closing: start)
        }
    }

    private func emptyTable(_ reference: Reference?, _ place: Int) -> TranslationError {
        let name = reference?.name ?? ""
        return failure(place, "`\(name){}` passes no argument, and an empty table is an empty list.", "Write \(name)() or \(name).")
    }

    /// Lets the binder tell "nil was written" from "not given".
    func markMissing(_ start: Int, _ expression: Expression, always: Bool) {
        guard always || expression.path != nil else { return }
        var arguments = ""
        if let path = expression.path {
            arguments = ",\(Self.quoted(path))"
            let base = String(path.prefix { $0 != "." && $0 != "[" })
            if let nearest = nearestName(to: base) { arguments += ",\(Self.quoted(nearest))" }
        }
        wrap(start, "\(support).v(", "\(arguments))")
    }

    /// A table constructor.
    func parseTable(marking: Bool) throws {
        let start = token.start
        try nested {
            try expect(.openBrace)
            while !token.isSymbol(.closeBrace) {
                if token.isSymbol(.openBracket) {
                    advance()
                    _ = try parseExpression(ExpressionContext(commas: .lists))
                    try expect(.closeBracket)
                    try expect(.equals)
                    let value = mark()
                    let expression = try parseExpression(ExpressionContext(commas: .refused))
                    if marking { markMissing(value, expression, always: true) }
                } else if token.kind == .name, peek().isSymbol(.equals) {
                    advance()
                    advance()
                    let value = mark()
                    let expression = try parseExpression(ExpressionContext(commas: .refused))
                    if marking { markMissing(value, expression, always: true) }
                } else {
                    let value = mark()
                    let expression = try parseExpression(ExpressionContext(commas: .refused))
                    if marking { markMissing(value, expression, always: false) }
                }
                if !accept(.comma), !accept(.semicolon) { break }
            }
            try expect(.closeBrace, closing: start)
        }
    }
}

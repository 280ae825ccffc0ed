/// Blocks that run in an interpreter of their own: the block of a job, of ForEach-Object -Parallel. Such a block is carried as text, with
/// the values of its `$using:` names beside it.
extension Parser {
    /// `{ … }` at `place` becomes a call that makes a block of its text; gives the place after its `}`.
    ///
    ///     Start-Job { Get-VM $using:n }   →   _lv.job([[function(_lvit,...) return … end]],1,"_lv","{ … }",{"n",_lv.v(n,"n")})
    func parseBlockApart(at place: Int) throws -> Int {
        drop(to: place)
        let start = output.count
        let outer = apart
        apart = (scopes.count, [])
        let end: Int
        do { end = try parseBlock(at: place) } catch {
            apart = outer
            throw error
        }
        let using = apart?.using ?? []
        apart = outer
        let text = Array(output[start...])
        output.removeSubrange(start...)
        emitSupport("job(")
        emitLong(text)
        let words = lexer.text(place, min(end, place + 200)).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        emit(",\(line(at: place)),\"\(support)\",\(Self.quoted(words)),{")
        for name in using {
            // The value is one of the script's; inside of another job it must be reachable there.
            try checkReach(name, place)
            emit("\(Self.quoted(name)),\(support).v(\(name),\(Self.quoted(name))")
            if let nearest = nearestName(to: name) { emit(",\(Self.quoted(nearest))") }
            emit("),")
        }
        emit("})")
        return end
    }

    /// `$using:name` in such a block.
    func emitUsing(_ name: String, _ place: Int) throws -> Expression {
        guard var inside = apart else {
            throw failure(
                place, "`$using:\(name)` belongs in a block that runs in an interpreter of its own, as that of Start-Job.",
                "Here the variable is $\(name).")
        }
        guard Keyword.byName[name] == nil, name.utf8.allSatisfy(LuaLexer.isNamePart) else {
            throw failure(place, "`$using:\(name)` names no variable.")
        }
        if !inside.using.contains(name) {
            inside.using.append(name)
            apart = inside
        }
        emitSupport("using.\(name)")
        return Expression(path: "using:\(name)", isVariablePath: true, isHead: true)
    }

    /// A name in such a block may not be a local of the script around it.
    func checkReach(_ name: String, _ place: Int) throws {
        guard let apart, let home = scopes.lastIndex(where: { $0.contains(name) }), home < apart.scope else { return }
        throw failure(
            place, "`\(name)` is a local outside of this block, which runs in an interpreter of its own.",
            "Write $using:\(name) for its value, or give it by -ArgumentList.")
    }

    /// Text as a long string, so that it keeps its lines.
    private func emitLong(_ text: [UInt8]) {
        var level = 0
        // The longest run of `=` between two closing brackets says how many are needed.
        var place = 0
        while place < text.count {
            guard text[place] == 93 else {
                place += 1
                continue
            }
            var next = place + 1
            while next < text.count, text[next] == 61 { next += 1 }
            if next < text.count, text[next] == 93 { level = max(level, next - place) }
            place = next
        }
        let signs = String(repeating: "=", count: level)
        emit("[\(signs)[")
        output.append(contentsOf: text)
        emit("]\(signs)]")
    }
}

import Basics
import Cmdlets

/// A cmdlet's name in the source.
struct Reference {
    var start: Int
    var end: Int
    /// As written, without a module's name before it.
    var name: String
    var isRegistered: Bool
    /// Not the first of its pipeline.
    var isLaterStage = false
}

/// Recognising cmdlet names and aliases.
extension Parser {
    /// `Verb-Noun` without spaces at `place`, when it is a cmdlet and not a subtraction.
    func commandReference(at place: Int) -> Reference? {
        guard let (verb, name, end) = hyphenated(at: place) else { return nil }
        if names.contains(verb) { return nil }
        if options.knowledge.isCommand(name) { return Reference(start: place, end: end, name: name, isRegistered: true) }
        let noun = name.dropFirst(verb.count + 1)
        guard let first = verb.first, first.isUppercase, let second = noun.first, second.isUppercase,
            options.knowledge.isApprovedVerb(verb)
        else { return nil }
        return Reference(start: place, end: end, name: name, isRegistered: false)
    }

    /// A name, a hyphen and a name at `place`, after an optional `Hyper-V\`.
    private func hyphenated(at place: Int) -> (verb: String, name: String, end: Int)? {
        guard LuaLexer.isNameStart(lexer.byte(place)) else { return nil }
        var end = place
        while LuaLexer.isNamePart(lexer.byte(end)) { end += 1 }
        let verbEnd = end
        guard lexer.byte(end) == 45, LuaLexer.isNameStart(lexer.byte(end + 1)) else { return nil }
        end += 1
        while LuaLexer.isNamePart(lexer.byte(end)) { end += 1 }
        if lexer.byte(end) == 92, LuaLexer.isNameStart(lexer.byte(end + 1)), lexer.text(place, end).lowercased() == "hyper-v" {
            return hyphenated(at: end + 1)
        }
        return (lexer.text(place, verbEnd), lexer.text(place, end), end)
    }

    /// An alias without a hyphen at `place`: `?`, `%`, `gvm`. `isHead`: no cmdlet stands left of it, so a variable's name wins.
    func aliasReference(at place: Int, isHead: Bool) -> Reference? {
        let first = lexer.byte(place)
        if first == 63 || first == 37 {
            return Reference(start: place, end: place + 1, name: first == 63 ? "?" : "%", isRegistered: true)
        }
        guard LuaLexer.isNameStart(first) else { return nil }
        var end = place
        while LuaLexer.isNamePart(lexer.byte(end)) { end += 1 }
        let name = lexer.text(place, end)
        guard Keyword.byName[name] == nil, options.knowledge.isCommand(name) else { return nil }
        if isHead {
            if names.contains(name) || lexer.byte(end) == 40 { return nil }
            var next = end
            while LuaLexer.isBlank(lexer.byte(next)) { next += 1 }
            let after = lexer.byte(next)
            // An assignment, a call or a field of a variable of that name.
            if after == 61 || end == next && [46, 58, 91, 123, 34, 39, 44].contains(after) { return nil }
        }
        return Reference(start: place, end: end, name: name, isRegistered: true)
    }

    /// The cmdlet or alias after a `|` that ends at `place`; white space, line ends and comments may stand before it.
    func stageReference(after place: Int, hasCommand: Bool) -> Reference? {
        var ahead = lexer
        ahead.position = place
        _ = ahead.skipSpace()
        var reference = commandReference(at: ahead.position)
        if reference == nil, hyphenated(at: ahead.position) == nil { reference = aliasReference(at: ahead.position, isHead: !hasCommand) }
        reference?.isLaterStage = true
        return reference
    }

    /// What follows the name makes it a call of Lua: `(`, a string, or a table's `{`.
    func isFunctionForm(_ reference: Reference) -> Bool {
        let next = lexer.byte(reference.end)
        if next == 40 || next == 34 || next == 39 || lexer.longBracketLevel(reference.end) != nil { return true }
        if next == 123 { return !options.knowledge.takesBlockFirst(reference.name) }
        var place = reference.end
        while LuaLexer.isBlank(lexer.byte(place)) { place += 1 }
        guard place > reference.end, lexer.byte(place) == 123 else { return false }
        return reference.isRegistered && !options.knowledge.takesBlockFirst(reference.name)
    }

    /// The support table's function for a cmdlet.
    func emitReference(_ reference: Reference) {
        usesSupport = true
        emit("\(support)[\"\(reference.name)\"]")
    }

    /// A variable of the program whose spelling is near.
    func nearestName(to name: String) -> String? {
        let known = names.union(assignedNames).subtracting([name])
        if let same = known.filter({ $0.lowercased() == name.lowercased() }).min() { return same }
        // Of very short names every other one is near.
        guard name.utf8.count > 2 else { return nil }
        return Spelling.nearest(to: name, among: known.filter { $0.utf8.count > 2 }.sorted(), limit: 1).first
    }
}

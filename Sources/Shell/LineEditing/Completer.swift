import Cmdlets
import Management

/// What may stand at the cursor: cmdlets, parameters, their values, names of things of the host, paths, Lua's names and fields.
package struct Completer {
    let session: Session

    package init(session: Session) { self.session = session }

    /// Candidates for the end of `text`; `start` is the byte at which the word that they replace begins.
    package func candidates(_ text: String) -> (start: Int, candidates: [Candidate]) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        if words.count == 2, words[0] == "help" || words[0] == "?" {
            return (text.utf8.count - words[1].utf8.count, helpTopics().filter { Self.begins($0.text, words[1]) })
        }
        let place = CompletionPlace(text, session.catalogue)
        let found = Self.sorted(candidates(for: place))
        return (text.utf8.count - place.word.text.utf8.count, found)
    }

    /// Without doubles; parameters and their values keep their order, all else is sorted.
    private static func sorted(_ candidates: [Candidate]) -> [Candidate] {
        var seen: Set<String> = []
        return candidates.filter { seen.insert($0.text).inserted }
    }

    static func begins(_ name: String, _ word: some StringProtocol) -> Bool { name.lowercased().hasPrefix(word.lowercased()) }

    static func byName(_ left: Candidate, _ right: Candidate) -> Bool { left.label.lowercased() < right.label.lowercased() }

    private func candidates(for place: CompletionPlace) -> [Candidate] {
        let word = place.word
        if word.quote == nil, let names = environmentNames(word.text) { return names }
        if word.quote == nil, let fields = fields(place) { return fields }
        switch place.role {
        case .head where place.comparedField != nil && (word.quote != nil || !word.text.hasPrefix("$")),
            .string where place.comparedField != nil:
            let found = comparedWords(place)
            if !found.isEmpty { return found.map { Self.asLua($0, word) } }
            return word.quote == nil ? names(word.text, isFirst: false) : []
        case .head where place.isInBlock && word.text.hasPrefix("-"): return comparisons(word.text)
        case .head: return names(word.text, isFirst: place.isFirst)
        case .argument(let cmdlet, let before): return arguments(cmdlet, before, place)
        case .key(let cmdlet, let given):
            let free = parameters(of: cmdlet, besides: given)
            let keys = shown(free, word.text).map { parameter in
                Candidate(parameter.name + " = ", label: parameter.name, isWhole: false, summary: Self.summary(of: parameter))
            }
            // A value that stands without its name.
            return keys.isEmpty ? names(word.text, isFirst: false) : keys
        case .value(let cmdlet, let name, let given):
            guard let parameter = Self.parameter(name, of: cmdlet) else { return names(word.text, isFirst: false) }
            let found = values(of: parameter, cmdlet, scope: nil, given: given, place).map { Self.asLua($0, word) }
            return found.isEmpty && word.quote == nil ? names(word.text, isFirst: false) : found
        case .position(let cmdlet, let position):
            let first = cmdlet.takesInputFirst ? position - 1 : position
            guard let parameter = cmdlet.parameters.first(where: { $0.position == first }) else {
                return word.quote == nil ? names(word.text, isFirst: false) : []
            }
            let found = values(of: parameter, cmdlet, scope: nil, given: [], place).map { Self.asLua($0, word) }
            return found.isEmpty && word.quote == nil ? names(word.text, isFirst: false) : found
        case .string: return PathCompletion.candidates(word.text).map { Self.quoted($0, word) }
        }
    }

    // MARK: Commands

    private func arguments(_ cmdlet: Cmdlet, _ before: [CompletionPlace.Word], _ place: CompletionPlace) -> [Candidate] {
        let word = place.word
        var given: [String] = []
        /// The parameter that the next value belongs to, by its name.
        var pending: Parameter?
        var positions = 0
        /// Parameters that values without names went to.
        var taken: Set<String> = []
        /// What parameters were given, for names that lie in one virtual machine.
        var scope: String?
        for written in before {
            if written.quote == nil, written.text.hasPrefix("-"), written.text.dropFirst().first?.isLetter ?? false {
                let parts = written.text.dropFirst().split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                let parameter = Self.parameter(String(parts[0]), of: cmdlet)
                given.append(parameter?.name ?? String(parts[0]))
                pending = parts.count == 2 || parameter?.isSwitch ?? false ? nil : parameter
                continue
            }
            if let name = pending?.name {
                if name == "VMName" || name == "VM" || name == "Name" && cmdlet.noun == "VM" { scope = written.text }
            } else {
                if positions == 0, scope == nil { scope = written.text }
                if let parameter = positional(cmdlet, positions, given), !parameter.takesRemaining { taken.insert(parameter.name) }
                positions += 1
            }
            pending = nil
        }
        if word.quote == nil, pending == nil, word.text.hasPrefix("-") {
            if let colon = word.text.firstIndex(of: ":") {
                guard let parameter = Self.parameter(String(word.text[..<colon].dropFirst()), of: cmdlet) else { return [] }
                let prefix = String(word.text[...colon])
                var inner = place
                inner.word.text = String(word.text.dropFirst(prefix.count))
                let found =
                    parameter.isSwitch
                    ? ["$true", "$false"].map { Candidate($0) } : values(of: parameter, cmdlet, scope: scope, given: given, inner)
                return found.filter { Self.begins($0.text, inner.word.text) }.map { $0.behind(prefix) }
            }
            let free = parameters(of: cmdlet, besides: given).filter { !taken.contains($0.name) }
            return shown(free, word.text.dropFirst()).map { parameter in
                Candidate("-" + parameter.name, summary: Self.summary(of: parameter))
            }
        }
        let parameter = pending ?? positional(cmdlet, positions, given)
        var found: [Candidate] = []
        if cmdlet.name == "Where-Object", parameter?.name == "Value" { found = comparedValues(before, place).map { Self.asWord($0, word) } }
        if found.isEmpty, let parameter {
            found = values(of: parameter, cmdlet, scope: scope, given: given, place).map { Self.asWord($0, word) }
        }
        if found.isEmpty, word.quote == nil, word.text.hasPrefix("$") || pending == nil && parameter == nil && !word.text.isEmpty {
            found = names(word.text, isFirst: false).filter { $0.text.hasPrefix("$") || $0.text.contains("-") == false }
        }
        if found.isEmpty, word.text.isEmpty, word.quote == nil, pending == nil {
            return shown(parameters(of: cmdlet, besides: given).filter { !taken.contains($0.name) }, "").map {
                Candidate("-" + $0.name, summary: Self.summary(of: $0))
            }
        }
        return found
    }

    /// The parameter that the next word without a name is for.
    private func positional(_ cmdlet: Cmdlet, _ place: Int, _ given: [String]) -> Parameter? {
        let free = parameters(of: cmdlet, besides: given).filter { $0.position != nil }
        let places = Set(free.compactMap(\.position)).sorted()
        if let last = free.last(where: \.takesRemaining), place >= places.count { return last }
        guard place < places.count else { return nil }
        let candidates = free.filter { $0.position == places[place] }
        // Of several sets the default one's.
        return candidates.first { $0.belongs(to: cmdlet.defaultSet?.name ?? "") } ?? candidates.first
    }

    /// Those whose names begin with a word. What every cmdlet has is offered once a letter of it is typed, and what has no effect comes
    /// last.
    private func shown(_ parameters: [Parameter], _ word: some StringProtocol) -> [Parameter] {
        let found = parameters.filter { parameter in
            word.isEmpty ? !CommonParameters.isEverywhere(parameter.name) : Self.begins(parameter.name, word)
        }
        func acts(_ parameter: Parameter) -> Bool { if case .acts = parameter.effect { true } else { false } }
        return found.filter(acts) + found.filter { !acts($0) }
    }

    /// Parameters that may still be given beside those that are: of one set with them, and not refused.
    private func parameters(of cmdlet: Cmdlet, besides given: [String]) -> [Parameter] {
        let names = Set(given.compactMap { Self.parameter($0, of: cmdlet)?.name })
        let all = cmdlet.allParameters
        let bound = all.filter { names.contains($0.name) }
        let sets = cmdlet.parameterSets.filter { set in bound.allSatisfy { $0.belongs(to: set.name) } }
        return all.filter { parameter in
            if names.contains(parameter.name) { return false }
            if case .refused = parameter.effect { return false }
            return sets.isEmpty || sets.contains { parameter.belongs(to: $0.name) }
        }
    }

    /// The parameter that a name, an alias or the beginning of one means.
    static func parameter(_ written: String, of cmdlet: Cmdlet) -> Parameter? {
        let name = written.lowercased()
        let all = cmdlet.allParameters
        return all.first { $0.name.lowercased() == name || $0.aliases.contains { $0.lowercased() == name } }
            ?? all.first { $0.name.lowercased().hasPrefix(name) }
    }

    private static func summary(of parameter: Parameter) -> String {
        if case .noEffect = parameter.effect { return "(no effect here) \(parameter.summary)" }
        return parameter.summary
    }

    // MARK: Forms of a value

    /// A value as a word of a command.
    private static func asWord(_ candidate: Candidate, _ word: CompletionPlace.Word) -> Candidate {
        guard word.quote == nil else { return quoted(candidate, word) }
        guard candidate.text.contains(where: { " ,;|(){}$'\"[]#&<>!".contains($0) }), !candidate.text.hasPrefix("$") else {
            return candidate
        }
        var result = candidate
        result.text = "'" + candidate.text + (candidate.isWhole ? "'" : "")
        return result
    }

    /// A value as Lua writes it.
    private static func asLua(_ candidate: Candidate, _ word: CompletionPlace.Word) -> Candidate {
        guard word.quote == nil else { return quoted(candidate, word) }
        var result = candidate
        switch candidate.text {
        case "$true", "$false": result.text = String(candidate.text.dropFirst())
        default: result.text = "\"" + candidate.text + (candidate.isWhole ? "\"" : "")
        }
        result.isWhole = false
        return result
    }

    /// A value behind the quote that is there already.
    private static func quoted(_ candidate: Candidate, _ word: CompletionPlace.Word) -> Candidate {
        guard let quote = word.quote, candidate.isWhole else { return candidate }
        var result = candidate
        result.text += String(quote)
        result.isWhole = false
        return result
    }
}

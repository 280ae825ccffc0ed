import Cmdlets
import Management

/// Values of parameters: words, names of virtual machines, switches, adapters and checkpoints, properties, paths.
extension Completer {
    /// Candidates for a value; `scope` names the virtual machine in which the named thing lies, where one was written.
    func values(
        of parameter: Parameter, _ cmdlet: Cmdlet, scope: String?, given: [String], _ place: CompletionPlace
    ) -> [Candidate] {
        let word = place.word.text
        // A variable stands for any value.
        if place.word.quote == nil, word.hasPrefix("$"), !word.contains(".") {
            let variables = variables(word)
            if !variables.isEmpty { return variables }
        }
        return all(of: parameter, cmdlet, scope, place).filter { Self.begins($0.text, word) }
    }

    private func all(of parameter: Parameter, _ cmdlet: Cmdlet, _ scope: String?, _ place: CompletionPlace) -> [Candidate] {
        switch parameter.completion {
        case .values(let words): return words.map { Candidate($0, summary: parameter.summary) }
        case .vmName: return machines()
        case .cmdletName: return cmdlets()
        case .helpTopic: return helpTopics()
        case .path: return PathCompletion.candidates(place.word.text)
        case .none: break
        }
        switch parameter.type {
        case .enumeration(let type, let words):
            return words.map { Candidate($0, summary: Catalogue.meaning(of: $0, type: type) ?? parameter.summary) }
        case .boolean: return ["$true", "$false"].map { Candidate($0) }
        case .path: return PathCompletion.candidates(place.word.text)
        case .name(of: "VirtualMachine"), .object("VirtualMachine"): return parameter.name == "NewName" ? [] : machines()
        case .name(of: "VMSwitch"), .object("VMSwitch"): return switches()
        case .property: return properties(place.upstream)
        case .string: return named(parameter, cmdlet, scope)
        default: return []
        }
    }

    /// Names for a string, by what the cmdlet and the parameter are called.
    private func named(_ parameter: Parameter, _ cmdlet: Cmdlet, _ scope: String?) -> [Candidate] {
        let name = parameter.name
        // A new thing's name is nobody's yet.
        if ["New", "Add"].contains(cmdlet.verb), name == "Name" || name == "NewName" { return [] }
        if name.hasSuffix("SwitchName") || name == "Name" && cmdlet.noun == "VMSwitch" { return switches() }
        if name == "VMNetworkAdapterName" || name == "Name" && cmdlet.noun.hasPrefix("VMNetworkAdapter") { return adapters(scope) }
        if name == "VMSnapshotName" || name == "SnapshotName" || name == "Name" && cmdlet.noun == "VMSnapshot" { return checkpoints(scope) }
        if name == "Name", cmdlet.noun == "VMIntegrationService" { return services() }
        if cmdlet.name == "Get-Command", name == "Verb" || name == "Noun" { return commandParts(verbs: name == "Verb") }
        if name == "Property" || name == "Name" && cmdlet.name == "Get-Member" { return [] }
        return []
    }

    // MARK: Things of the host

    private func machines() -> [Candidate] {
        ((try? session.host.machines()) ?? []).map { machine in
            Candidate(machine.name, summary: (try? machine.status()).map { "\($0.state.rawValue), \($0.statusText)" })
        }
    }

    private func switches() -> [Candidate] {
        ((try? session.host.switches()) ?? []).map { virtualSwitch in
            let object = VirtualSwitchObject(virtualSwitch)
            return Candidate(object.displayName, summary: (try? object.property("SwitchType"))?.text)
        }
    }

    /// The machines that a written name means, or all.
    private func machines(in scope: String?) -> [VirtualMachine] {
        let all = (try? session.host.machines()) ?? []
        guard let scope, !scope.hasPrefix("$") else { return all }
        let wanted = all.filter { $0.name.lowercased() == scope.lowercased() }
        return wanted.isEmpty ? all : wanted
    }

    private func adapters(_ scope: String?) -> [Candidate] {
        machines(in: scope).flatMap { machine in
            ((try? machine.configuration())?.networkAdapters ?? []).map { Candidate($0.name, summary: "of \(machine.name)") }
        }
    }

    private func checkpoints(_ scope: String?) -> [Candidate] {
        machines(in: scope).flatMap { machine in
            ((try? machine.checkpoints()) ?? []).map { checkpoint in
                Candidate(
                    checkpoint.name, summary: "of \(machine.name), \(Value.time(Timestamp(unixNanoseconds: checkpoint.creationTime)).text)")
            }
        }
    }

    private func services() -> [Candidate] {
        ["Guest Service Interface", "Heartbeat", "Key-Value Pair Exchange", "Shutdown", "Time Synchronization", "VSS"].map { Candidate($0) }
    }

    // MARK: Names

    func cmdlets() -> [Candidate] { session.catalogue.all.map { Candidate($0.name, summary: $0.synopsis) } }

    private static let firstWords = [
        ("clear", "Clears the screen."), ("exit", "Leaves; exit N with that code."), ("help", "Explains; help NAME explains that."),
        ("history", "Lists what was entered."), ("quit", "Leaves."),
    ]

    /// What Get-Help, and `help` at the prompt, explain.
    func helpTopics() -> [Candidate] { cmdlets() + HelpText.topicSynopses.map { Candidate($0.name, summary: $0.synopsis) } }

    /// What may begin a statement or an expression.
    func names(_ word: String, isFirst: Bool) -> [Candidate] {
        var result = cmdlets().filter { Self.begins($0.text, word) }
        guard !word.isEmpty else { return result }
        for (alias, name) in session.catalogue.aliases where alias.contains("-") && Self.begins(alias, word) {
            result.append(Candidate(alias, summary: "→ \(name)"))
        }
        result += variables(word)
        if !word.hasPrefix("$") {
            result += Keyword.allCases.map(\.rawValue).filter { $0.count > 2 && $0.hasPrefix(word) }.map { Candidate($0, summary: "Lua") }
            if isFirst { result += Self.firstWords.filter { $0.0.hasPrefix(word) }.map { Candidate($0.0, summary: $0.1) } }
        }
        return result.sorted(by: Self.byName)
    }

    /// Lua's names, with a dollar sign where one was typed.
    func variables(_ word: String) -> [Candidate] {
        let bare = word.hasPrefix("$") ? String(word.dropFirst()) : word
        let prefix = word.hasPrefix("$") ? "$" : ""
        guard case .list(let names)? = try? session.callPrelude("names", []) else { return [] }
        // `Get_VM` and kin are offered only when an underscore was typed.
        return names.compactMap(\.stringValue).filter { name in
            name.hasPrefix(bare) && (bare.contains("_") || !name.contains("_") || !(name.first?.isUppercase ?? false))
        }.map { Candidate(prefix + $0, isWhole: false, summary: "Lua") }.sorted(by: Self.byName)
    }

    // MARK: Fields

    func properties(_ type: String?) -> [Candidate] {
        guard let type = type.flatMap({ ObjectType.named($0) }) else { return [] }
        return type.properties.map { property in Candidate(property.name, summary: "\(property.type): \(property.summary)") }
    }

    /// `table.`, `vm.`, `$_.` and `(Get-VM a).`: the names in it; nil: the word is no such path.
    func fields(_ place: CompletionPlace) -> [Candidate]? {
        let word = place.word.text
        guard let end = word.lastIndex(where: { $0 == "." || $0 == ":" }), !word.hasPrefix("-"), !word.contains("/") else { return nil }
        let prefix = String(word[...end])
        let wanted = word[word.index(after: end)...]
        let base = prefix.dropLast()
        var found: [Candidate]
        if base.isEmpty {
            guard place.groupOutput != nil else { return nil }
            found = properties(place.groupOutput)
        } else if base == "$_" {
            found = properties(place.blockInput)
        } else {
            guard base.allSatisfy({ $0.isLetter || $0.isNumber || "_$.[]".contains($0) }) else { return nil }
            found = fields(of: String(base))
        }
        return found.filter { Self.begins($0.text, wanted) }.map { candidate in
            var result = candidate.behind(prefix)
            (result.label, result.isWhole) = (candidate.label, false)
            return result
        }.sorted(by: Self.byName)
    }

    private func fields(of path: String) -> [Candidate] {
        var parts = path.split { ".[]".contains($0) }.map(String.init)
        guard let first = parts.first else { return [] }
        parts[0] = first.hasPrefix("$") ? String(first.dropFirst()) : first
        // Live objects say what their properties mean.
        if var value = try? session.callPrelude("get", [.string(parts[0])]), isReadable(value) {
            for part in parts.dropFirst() {
                if let index = Int(part) {
                    guard case .list(let elements) = value, index > 0, index <= elements.count else { return [] }
                    value = elements[index - 1]
                } else {
                    guard let next = try? PropertyReader.property(part, of: value) else { return [] }
                    value = next
                }
            }
            if case .object(let object) = value {
                return object.type.properties.map { Candidate($0.name, summary: "\($0.type): \($0.summary)") }
            }
            if case .list(let elements) = value {
                let methods = ["Where", "ForEach", "Select", "Sort", "Group", "First", "Last"]
                let names = PropertyReader.names(of: .list(elements))
                return names.map { Candidate($0, summary: "of each element") } + ["Count"].map { Candidate($0) }
                    + methods.map { Candidate($0, summary: "method of lists") }
            }
            let names = PropertyReader.names(of: value)
            if !names.isEmpty { return names.map { Candidate($0) } }
        }
        let names = parts.map { part in Int64(part).map { Value.integer($0) } ?? .string(part) }
        guard case .list(let found)? = try? session.callPrelude("fields", [.list(names)]) else { return [] }
        return found.compactMap(\.stringValue).map { Candidate($0) }
    }

    private func isReadable(_ value: Value) -> Bool {
        switch value {
        case .object, .duration, .time: true
        case .list(let elements): elements.first.map(isReadable) ?? false
        default: false
        }
    }
}

import Cmdlets
import Management

/// What may stand at the cursor: cmdlets, parameters, values, VM names, Lua's names and fields.
struct Completer {
    let session: Session

    private static let separators: Set<Character> = [" ", "\t", "(", "{", "}", ")", "|", ";", ",", "=", "\"", "'"]

    /// Candidates for the end of `text`; `start` is the byte at which the word that they replace begins.
    func candidates(_ text: String) -> (start: Int, candidates: [String]) {
        let word = String(text.reversed().prefix { !Self.separators.contains($0) }.reversed())
        let start = text.utf8.count - word.utf8.count
        return (start, names(for: word, after: String(text.dropLast(word.count))))
    }

    private func names(for word: String, after before: String) -> [String] {
        let stage = before.split(separator: "|", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        let command = Self.command(in: stage)
        if let command, let cmdlet = session.catalogue.cmdlet(named: command) {
            if word.hasPrefix("-") {
                return cmdlet.allParameters.map { "-" + $0.name }.filter { Self.begins($0, word) }.sorted()
            }
            let values = arguments(of: cmdlet, in: stage, word)
            if !values.isEmpty { return values }
        } else if before.hasPrefix("help ") || before.hasPrefix("? ") {
            return (session.catalogue.all.map(\.name) + HelpText.topics).filter { Self.begins($0, word) }.sorted()
        }
        if word.contains(".") || word.contains(":") { return fields(word) }
        var result = session.catalogue.all.map(\.name).filter { Self.begins($0, word) }
        guard !word.isEmpty else { return result.sorted() }
        let bare = word.hasPrefix("$") ? String(word.dropFirst()) : word
        if case .list(let names)? = try? session.callPrelude("names", []) {
            let prefix = word.hasPrefix("$") ? "$" : ""
            // `Get_VM` and kin are offered only when an underscore was typed.
            result += names.compactMap(\.stringValue).filter { name in
                name.hasPrefix(bare) && (bare.contains("_") || !name.contains("_") || !(name.first?.isUppercase ?? false))
            }.map { prefix + $0 }
        }
        if !word.hasPrefix("$") { result += Keyword.allCases.map(\.rawValue).filter { $0.count > 2 && $0.hasPrefix(word) } }
        return Array(Set(result)).sorted()
    }

    /// The cmdlet whose words stand at the end of `stage`.
    private static func command(in stage: String) -> String? {
        let last = stage.split(whereSeparator: { "(;={".contains($0) }).last ?? ""
        return last.split(separator: " ").last { $0.contains("-") && !$0.hasPrefix("-") && ($0.first?.isLetter ?? false) }.map(String.init)
            ?? last.split(separator: " ").first.map(String.init)
    }

    /// Values for the parameter that is written before the word, or for the next position.
    private func arguments(of cmdlet: Cmdlet, in stage: String, _ word: String) -> [String] {
        let words = stage.split(whereSeparator: { $0 == " " || $0 == "\t" })
        var parameter: Parameter?
        if let last = words.last, last.hasPrefix("-") {
            let name = last.dropFirst().lowercased()
            let all = cmdlet.allParameters
            parameter =
                all.first { $0.name.lowercased() == name || $0.aliases.contains { $0.lowercased() == name } }
                ?? all.first { $0.name.lowercased().hasPrefix(name) }
            if case .switched? = parameter?.type { parameter = nil }
        }
        parameter = parameter ?? cmdlet.parameters.first { $0.position == 0 }
        guard let parameter else { return [] }
        var values: [String] = []
        switch parameter.completion {
        case .values(let listed): values = listed
        case .vmName: values = vmNames()
        case .cmdletName: values = session.catalogue.all.map(\.name)
        case .helpTopic: values = session.catalogue.all.map(\.name) + HelpText.topics
        case .path, .none: break
        }
        switch parameter.type {
        case .enumeration(_, let words): values += words
        case .name, .object("VirtualMachine"): if values.isEmpty, parameter.name != "NewName" { values += vmNames() }
        case .boolean: values += ["$true", "$false"]
        default: break
        }
        return Array(Set(values.filter { Self.begins($0, word) })).sorted()
    }

    private func vmNames() -> [String] {
        let names = ((try? session.host.machines()) ?? []).map(\.name)
        // A name that is no bare word must be quoted.
        return names.map { name in name.contains { " ,;|(){}$'\"".contains($0) } ? "'\(name)'" : name }
    }

    /// `table.` and `vm.`: the names in it.
    private func fields(_ word: String) -> [String] {
        guard let end = word.lastIndex(where: { $0 == "." || $0 == ":" }) else { return [] }
        let prefix = String(word[...end])
        let path = prefix.dropLast().split(separator: ".").map { Value.string($0.hasPrefix("$") ? String($0.dropFirst()) : String($0)) }
        guard case .list(let names)? = try? session.callPrelude("fields", [.list(path)]) else { return [] }
        let wanted = word[word.index(after: end)...]
        return names.compactMap(\.stringValue).filter { Self.begins($0, String(wanted)) }.map { prefix + $0 }.sorted()
    }

    private static func begins(_ name: String, _ word: String) -> Bool { name.lowercased().hasPrefix(word.lowercased()) }
}

import Cmdlets
import Glibc

/// Words that are neither parameters nor names of things: variables of the environment, comparisons, and what a comparison may ask for.
extension Completer {
    /// `$env:NAME`; nil: the word is none.
    func environmentNames(_ word: String) -> [Candidate]? {
        let scope = "$env:"
        guard word.lowercased().hasPrefix(scope) else { return nil }
        let (prefix, wanted) = (String(word.prefix(scope.count)), word.dropFirst(scope.count))
        var names: [String] = []
        var place: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
        while let entry = place?.pointee {
            let text = String(cString: entry)
            if let end = text.firstIndex(of: "=") { names.append(String(text[..<end])) }
            place = place?.successor()
        }
        return names.filter { Self.begins($0, wanted) }.sorted().map { Candidate(prefix + $0) }
    }

    /// The comparison words of a block.
    func comparisons(_ word: String) -> [Candidate] {
        Comparison.meanings.map { Candidate("-" + $0.word.lowercased(), summary: "true when the left side \($0.meaning)") }
            .filter { Self.begins($0.text, word) }
    }

    /// What the property that Where-Object compares may be, where it is one of several words.
    func comparedValues(_ before: [CompletionPlace.Word], _ place: CompletionPlace) -> [Candidate] {
        guard let name = before.first(where: { !$0.text.hasPrefix("-") })?.text else { return [] }
        return words(of: name, in: place.upstream).filter { Self.begins($0.text, place.word.text) }
    }

    /// The same behind a comparison of `$_.NAME` in a block, as Lua writes it.
    func comparedWords(_ place: CompletionPlace) -> [Candidate] {
        guard let name = place.comparedField else { return [] }
        return words(of: name, in: place.blockInput).filter { Self.begins($0.text, place.word.text) }
    }

    private func words(of property: String, in type: String?) -> [Candidate] {
        guard let type = type.flatMap({ ObjectType.named($0) }),
            let found = type.properties.first(where: { $0.name.lowercased() == property.lowercased() })
        else { return [] }
        return session.catalogue.words(ofType: found.type).map { word in
            Candidate(word, summary: Catalogue.meaning(of: word, type: found.type) ?? found.summary)
        }
    }

    /// The verbs or the nouns of all cmdlets.
    func commandParts(verbs: Bool) -> [Candidate] {
        let parts = session.catalogue.all.map { verbs ? $0.verb : $0.noun }
        let counts = Dictionary(parts.map { ($0, 1) }, uniquingKeysWith: { $0 + $1 })
        return counts.keys.sorted().map { part in
            let count = counts[part] ?? 0
            return Candidate(part, summary: "\(count) cmdlet\(count == 1 ? "" : "s")")
        }
    }
}

import Basics

extension Cmdlet {
    /// `Get-Alias`.
    static let getAlias = Cmdlet(
        "Get", "Alias", aliases: ["gal"], synopsis: "Lists the short names of cmdlets.",
        sets: [.init("Default", isDefault: true, shape: .oneIfSingle(["Name"])), .init("Definition", shape: .many)],
        parameters: [
            Parameter(
                "Name", .string, "Aliases; wildcards are accepted.", sets: ["Default"], position: 0, pipeline: [.byValue, .byPropertyName],
                many: true,
                wildcards: true),
            Parameter(
                "Definition", .string, "Only aliases of these cmdlets.", sets: ["Definition"], mandatory: true, many: true, wildcards: true,
                completion: .cmdletName),
        ],
        output: "AliasInfo",
        examples: [Example("Get-Alias ft", "What ft means.")],
        body: .perCall { invocation in
            let aliases = invocation.context.catalogue.aliases
            let names = invocation.list("Name")?.map(\.text) ?? ["*"]
            let definitions = invocation.list("Definition")?.map { WildcardPattern($0.text) }
            for name in names {
                let pattern = WildcardPattern(name)
                let found = aliases.filter { alias in
                    pattern.matches(alias.alias) && (definitions?.contains { $0.matches(alias.name) } ?? true)
                }
                // ? is an alias too, not only a wildcard.
                let exact = aliases.filter { $0.alias.lowercased() == name.lowercased() }
                let chosen = exact.isEmpty ? found : exact
                if chosen.isEmpty, !WildcardPattern.isPattern(name) {
                    try invocation.report(
                        ErrorRecord(
                            "There is no alias “\(name)”.\(Spelling.hint(name, among: aliases.map(\.alias)))", "AliasNotFound",
                            .objectNotFound,
                            target: name, cmdlet: "Get-Alias"))
                }
                for alias in chosen {
                    try invocation.emit(
                        .record(Record(typeName: "AliasInfo", [("Name", .string(alias.alias)), ("Definition", .string(alias.name))])))
                }
            }
        })
}

import Cmdlets

/// What the translator asks about cmdlets. Names are looked up when a program runs; the translator only needs to know how to read it.
package struct CommandKnowledge: Sendable {
    /// True for a registered cmdlet or alias, in any letter case.
    package var isCommand: @Sendable (String) -> Bool
    /// True when the cmdlet's first position takes a block, so that `{` begins one.
    package var takesBlockFirst: @Sendable (String) -> Bool
    /// The parameters' names and aliases.
    package var parameters: @Sendable (String) -> [String]
    package var isApprovedVerb: @Sendable (String) -> Bool
    /// True when a block for that parameter (nil: for the first position) of that cmdlet runs in an interpreter of its own.
    package var runsApart: @Sendable (String, String?) -> Bool

    package init(
        isCommand: @escaping @Sendable (String) -> Bool, takesBlockFirst: @escaping @Sendable (String) -> Bool,
        parameters: @escaping @Sendable (String) -> [String], isApprovedVerb: @escaping @Sendable (String) -> Bool,
        runsApart: @escaping @Sendable (String, String?) -> Bool = { _, _ in false }
    ) {
        (self.isCommand, self.takesBlockFirst) = (isCommand, takesBlockFirst)
        (self.parameters, self.isApprovedVerb, self.runsApart) = (parameters, isApprovedVerb, runsApart)
    }

    /// What a catalogue knows.
    static func of(_ catalogue: Catalogue) -> CommandKnowledge {
        CommandKnowledge(
            isCommand: { catalogue.cmdlet(named: $0) != nil },
            takesBlockFirst: { catalogue.cmdlet(named: $0)?.takesBlockFirst ?? false },
            parameters: { name in (catalogue.cmdlet(named: name)?.allParameters ?? []).flatMap { [$0.name] + $0.aliases } },
            isApprovedVerb: { Catalogue.isApprovedVerb($0) },
            runsApart: { name, parameter in
                guard let apart = catalogue.cmdlet(named: name)?.parameters.filter(\.runsApart), !apart.isEmpty else { return false }
                guard let written = parameter?.lowercased() else { return apart.contains { $0.position == 0 } }
                return apart.contains { $0.name.lowercased().hasPrefix(written) || $0.aliases.contains { $0.lowercased() == written } }
            })
    }
}

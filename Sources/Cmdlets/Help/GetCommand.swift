import Basics

extension Cmdlet {
    /// `Get-Command`.
    static let getCommand = Cmdlet(
        "Get", "Command", aliases: ["gcm"], synopsis: "Lists cmdlets, with their aliases and parameters.",
        sets: [.init("Default", isDefault: true, shape: .oneIfSingle(["Name"])), .init("VerbNoun", shape: .many)],
        parameters: [
            Parameter(
                "Name", .string, "Names or aliases; wildcards are accepted.", sets: ["Default"], position: 0,
                pipeline: [.byValue, .byPropertyName],
                many: true, wildcards: true, completion: .cmdletName),
            Parameter("Verb", .string, "Only those with these verbs.", sets: ["VerbNoun"], many: true, wildcards: true),
            Parameter("Noun", .string, "Only those with these nouns.", sets: ["VerbNoun"], many: true, wildcards: true),
            Parameter("Module", .string, "Only Hyper-V's, PowerShell's, Lunavisor's or Script's own.", many: true, wildcards: true),
            Parameter("ParameterName", .string, "Only those that have one of these parameters.", many: true, wildcards: true),
        ],
        output: "CmdletInfo",
        examples: [
            Example("Get-Command -Noun VM", "What can be done with virtual machines."),
            Example("(Get-Command Stop-VM).Parameters | Format-Table Name, Type, Position", "The parameters of Stop-VM."),
        ],
        body: .perCall { invocation in
            let catalogue = invocation.context.catalogue
            var found: [Cmdlet] = []
            if let names = invocation.list("Name")?.map(\.text) {
                for name in names {
                    guard WildcardPattern.isPattern(name) else {
                        do { found.append(try catalogue.resolve(name)) } catch { try invocation.report(error) }
                        continue
                    }
                    let pattern = WildcardPattern(name)
                    found += catalogue.all.filter { cmdlet in
                        pattern.matches(cmdlet.name) || cmdlet.aliases.contains { pattern.matches($0) }
                    }
                }
            } else {
                found = catalogue.all
            }
            func patterns(_ parameter: String) -> [WildcardPattern]? { invocation.list(parameter)?.map { WildcardPattern($0.text) } }
            let (verbs, nouns, modules, parameters) = (patterns("Verb"), patterns("Noun"), patterns("Module"), patterns("ParameterName"))
            for cmdlet in found {
                if let verbs, !verbs.contains(where: { $0.matches(cmdlet.verb) }) { continue }
                if let nouns, !nouns.contains(where: { $0.matches(cmdlet.noun) }) { continue }
                if let modules, !modules.contains(where: { $0.matches(CmdletDescription.source(cmdlet)) }) { continue }
                if let parameters, !cmdlet.parameters.contains(where: { own in parameters.contains { $0.matches(own.name) } }) { continue }
                try invocation.emit(.record(CmdletDescription.record(cmdlet)))
            }
        })
}

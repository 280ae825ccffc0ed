import Basics

extension Cmdlet {
    /// `Get-Help`.
    static let getHelp = Cmdlet(
        "Get", "Help", aliases: ["man"], synopsis: "Explains a cmdlet or a topic.",
        details: "Without a name it lists the topics. A wildcard lists the cmdlets and topics that match.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Name", .string, "A cmdlet, an alias or a topic such as about_Language.", position: 0, pipeline: .byPropertyName,
                wildcards: true,
                completion: .helpTopic),
            Parameter("Full", .switched, "The whole page with the common parameters."),
            Parameter("Detailed", .switched, "The page with all parameters described, which it always has."),
            Parameter("Examples", .switched, "The examples only."),
            Parameter("Parameter", .string, "These parameters only; wildcards are accepted.", many: true, wildcards: true),
        ],
        output: "FormattedText",
        examples: [
            Example("Get-Help Stop-VM", "All about Stop-VM."), Example("Get-Help about_Language", "The shell's language in short."),
        ],
        body: .perCall { invocation in
            let catalogue = invocation.context.catalogue
            func show(_ text: String) throws { try invocation.emit(.opaque(FormattedText(text))) }
            guard let name = invocation.string("Name") else { return try show(HelpText.overview(catalogue)) }
            if let cmdlet = catalogue.cmdlet(named: name), !WildcardPattern.isPattern(name) || cmdlet.aliases.contains(name) {
                if invocation.isOn("Examples") { return try show(HelpText.examples(cmdlet)) }
                if let wanted = invocation.list("Parameter")?.map({ WildcardPattern($0.text) }) {
                    let chosen = cmdlet.allParameters.filter { parameter in wanted.contains { $0.matches(parameter.name) } }
                    guard !chosen.isEmpty else { throw BindingError.unknown(cmdlet, invocation.list("Parameter")?.first?.text ?? "") }
                    return try show(HelpText.parameters(chosen))
                }
                return try show(HelpText.cmdlet(cmdlet, isFull: invocation.isOn("Full")))
            }
            try show(try HelpText.find(name, catalogue))
        })
}

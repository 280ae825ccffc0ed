extension Cmdlet {
    /// `Format-List`: each property of an object on a line of its own.
    static let formatList = Cmdlet(
        "Format", "List", aliases: ["fl"], synopsis: "Shows each object as a list of its properties.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Property", .property, "The lines: names, wildcards, blocks or {Name, Expression}; without it all properties.", position: 0,
                many: true, wildcards: true),
            Parameter("GroupBy", .property, "Begins a new group whenever this property changes."),
            .inputObject,
        ],
        output: "FormattedText",
        examples: [Example("Get-VM web01 | Format-List", "All there is to know about one virtual machine.")],
        inputFirst: true,
        body: .all { invocation, values in
            let text = ObjectText(properties: try invocation.properties("Property"), width: invocation.terminal.width)
            try FormatOutput.emit(values, invocation) { try text.list($0) }
        })
}

extension Cmdlet {
    /// `Format-Table`: objects as a table.
    static let formatTable = Cmdlet(
        "Format", "Table", aliases: ["ft"], synopsis: "Makes a table of objects.",
        details: "Columns are as wide as their contents; a terminal's table is cut to its width, a file's or a pipe's never.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Property", .property,
                "The columns: names, wildcards, blocks or {Name, Expression, Width, Align}; without it the type's view.",
                position: 0, many: true, wildcards: true),
            Parameter("AutoSize", .switched, "Columns as wide as their contents, which they always are."),
            Parameter("GroupBy", .property, "Begins a new table whenever this property changes."),
            Parameter("HideTableHeaders", .switched, "Leaves out the header."),
            Parameter("Wrap", .switched, "Cuts nothing, so that long lines wrap at the terminal's edge."),
            .inputObject,
        ],
        output: "FormattedText",
        examples: [
            Example("Get-VM | Format-Table Name, State, @{n='MB'; e={$_.MemoryAssigned // 1MB}}", "A table with a computed column.")
        ],
        inputFirst: true,
        body: .all { invocation, values in
            let text = ObjectText(
                properties: try invocation.properties("Property"), showsHeader: !invocation.isOn("HideTableHeaders"),
                width: invocation.isOn("Wrap") ? nil : invocation.terminal.width, usesColours: invocation.showsOnTerminal)
            try FormatOutput.emit(values, invocation) { try text.table($0) }
        })
}

/// What Format-Table and Format-List share: one block of text for each run of objects that belong together.
enum FormatOutput {
    static func emit(
        _ values: [Value], _ invocation: any Invocation, _ render: ([(value: Value, snapshot: Record?)]) throws -> String
    ) throws {
        let grouping = try invocation.properties("GroupBy")?.first
        let hasProperties = invocation.isGiven("Property")
        var text = ""
        var run: [(value: Value, snapshot: Record?)] = []
        var key: (type: String, group: String?)?
        func flush() throws {
            guard !run.isEmpty else { return }
            if let grouping, let group = key?.group { text += "\n   \(grouping.label): \(group)\n\n" }
            text += try render(run) + "\n"
            run = []
        }
        let snapshots = try PropertyReader.snapshots(of: values)
        for (value, snapshot) in zip(values, snapshots) {
            if PropertyReader.names(of: value).isEmpty || value.stringValue != nil, !hasProperties {
                try flush()
                text += CellText.escapingControls(value.text) + "\n"
                continue
            }
            let group = try grouping.map { CellText.text(try $0.evaluate(value, snapshot: snapshot)) }
            let next = (type: hasProperties ? "" : value.typeName, group: group)
            if let key, key != next { try flush() }
            key = next
            run.append((value, snapshot))
        }
        try flush()
        try invocation.emit(.opaque(FormattedText(text)))
    }
}

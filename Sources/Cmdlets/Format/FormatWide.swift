extension Cmdlet {
    /// `Format-Wide`: one property of each object, several to a line.
    static let formatWide = Cmdlet(
        "Format", "Wide", aliases: ["fw"], synopsis: "Shows one property of each object, several beside each other.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Property", .property, "The property; without it the name.", position: 0),
            Parameter("Column", .integer(1...100), "How many beside each other; without it as many as fit."),
            Parameter("AutoSize", .switched, "As many as fit, which it does anyway."),
            Parameter("GroupBy", .property, "Begins a new group whenever this property changes."), .inputObject,
        ],
        output: "FormattedText",
        examples: [Example("Get-VM | Format-Wide -Column 4", "The names, four to a line.")],
        inputFirst: true,
        body: .all { invocation, values in
            let property = try invocation.properties("Property")?.first
            let width = invocation.terminal.width ?? 80
            let columns = invocation.integer("Column").map { Int($0) }
            try FormatOutput.emit(values, invocation) { objects in
                let cells = try objects.map { object in
                    CellText.text(try property?.evaluate(object.value, snapshot: object.snapshot) ?? name(object.value, object.snapshot))
                }
                return lines(cells, columns: columns, width: width)
            }
        })

    private static func name(_ value: Value, _ snapshot: Record?) -> Value {
        if case .object = value { return .string(value.text) }
        return snapshot?["Name"] ?? snapshot?.fields.first?.value ?? .string(value.text)
    }

    private static func lines(_ cells: [String], columns: Int?, width: Int) -> String {
        let widest = max(1, cells.map(CellText.width).max() ?? 1)
        let count = columns ?? max(1, (width + 1) / (widest + 1))
        let place = max(1, columns == nil ? widest : min(widest, (width + 1) / count - 1))
        var text = ""
        for (index, cell) in cells.enumerated() {
            let cut = CellText.cut(cell, to: place)
            let isLast = (index + 1) % count == 0 || index + 1 == cells.count
            text += isLast ? cut + "\n" : cut + String(repeating: " ", count: place - CellText.width(cut) + 1)
        }
        return text
    }
}

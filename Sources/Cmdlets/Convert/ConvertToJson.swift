extension Cmdlet {
    /// `ConvertTo-Json`.
    static let convertToJson = Cmdlet(
        "ConvertTo", "Json", synopsis: "Makes JSON of objects.",
        details:
            "A list gives an array, however many are in it; one thing gives no array. Properties keep their order; durations and times are text.",
        departures: ["Whether brackets are written depends on the call, not on the number of objects."],
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("InputObject", .any, "The objects to convert; usually they come from the pipeline.", position: 0, pipeline: .byValue),
            Parameter("Depth", .integer(0...100), "How many levels of objects within objects are opened.", default: .integer(2)),
            Parameter("Compress", .switched, "Writes everything on one line."),
            Parameter("AsArray", .switched, "Writes an array also for one thing."),
        ],
        output: "String",
        examples: [Example("Get-VM | Select-Object Name, State | ConvertTo-Json", "An array of two-property objects.")],
        inputFirst: true,
        body: .all { invocation, values in
            let isList = invocation.inputIsOne ? invocation.isOn("AsArray") : !hasSingleArgument(invocation) || invocation.isOn("AsArray")
            let depth = invocation.integer("Depth").map { Int($0) } ?? 2
            let value: Value = isList ? .list(values) : values.count > 1 ? .list(values) : values.first ?? .null
            try invocation.emit(.string(try JSONText.encode(value, pretty: !invocation.isOn("Compress"), depth: depth)))
        })

    private static func hasSingleArgument(_ invocation: any Invocation) -> Bool {
        invocation.isGiven("InputObject") && !invocation.arguments.isPiped("InputObject") && !invocation.arguments.isList("InputObject")
    }
}

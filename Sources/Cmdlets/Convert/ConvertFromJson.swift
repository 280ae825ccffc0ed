extension Cmdlet {
    /// `ConvertFrom-Json`.
    static let convertFromJson = Cmdlet(
        "ConvertFrom", "Json", synopsis: "Makes objects of JSON text.",
        details:
            "Several strings are lines of one text. An array gives its elements one after the other; -NoEnumerate gives it as one list.",
        departures: ["A call gives one object for an object and a list for an array, as the text says."],
        sets: [.init("Default", shape: .computed("what the text holds: an array a list, everything else one") { _ in .one })],
        parameters: [
            Parameter("InputObject", .string, "The text.", mandatory: true, position: 0, pipeline: .byValue, many: true, allowsEmpty: true),
            Parameter("Depth", .integer(1...1024), "How many levels of nesting are accepted.", default: .integer(1024)),
            Parameter("AsHashtable", .switched, "Gives tables, which records are anyway."),
            Parameter("NoEnumerate", .switched, "Gives an array as one list."),
        ],
        output: "Object",
        examples: [Example(#"(ConvertFrom-Json '{"Name": "web01"}').Name"#, "web01.")],
        inputFirst: true,
        body: .all { invocation, values in
            let text = values.map(\.text).joined(separator: "\n")
            let value = try JSONReader.read(text, depth: invocation.integer("Depth").map { Int($0) } ?? 1024)
            guard case .list(let elements) = value else { return try invocation.emit(value) }
            if invocation.isOn("NoEnumerate") || !invocation.isFollowed { return try invocation.emit(.list(elements)) }
            for element in elements { try invocation.emit(element) }
        })
}

extension Cmdlet {
    /// `ConvertTo-Csv`.
    static let convertToCsv = Cmdlet(
        "ConvertTo", "Csv", synopsis: "Makes comma-separated lines of objects: a header, then a line for each.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter("InputObject", .any, "The objects to convert; usually they come from the pipeline.", pipeline: .byValue),
            Parameter("Delimiter", .string, "What separates the fields.", position: 1, default: .string(",")),
        ],
        output: "String",
        examples: [Example("Get-VM | Select-Object Name, State | ConvertTo-Csv", "A header and a line for each virtual machine.")],
        inputFirst: true,
        body: .all { invocation, values in
            guard let first = values.first else { return }
            let delimiter = invocation.string("Delimiter")?.first ?? ","
            let names = PropertyReader.names(of: first)
            let snapshots = try PropertyReader.snapshots(of: values)
            func line(_ fields: [String]) -> Value { .string(String(CSVText.line(fields, delimiter: delimiter).dropLast())) }
            try invocation.emit(line(names))
            for (value, snapshot) in zip(values, snapshots) {
                try invocation.emit(line(try names.map { (try snapshot?[$0] ?? PropertyReader.property($0, of: value) ?? .null).text }))
            }
        })
}

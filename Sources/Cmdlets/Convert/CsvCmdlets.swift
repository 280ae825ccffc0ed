import Glibc

extension Cmdlet {
    private static let delimiter = Parameter("Delimiter", .string, "What separates the fields.", position: 1, default: .string(","))
    private static let header = Parameter("Header", .string, "Names of the columns, when the text does not begin with them.", many: true)
    private static let quoting = [
        Parameter(
            "UseQuotes", .enumeration("QuoteKind", ["Always", "AsNeeded", "Never"]), "Which fields get quotation marks.",
            default: .string("Always")),
        Parameter("NoTypeInformation", .switched, "Writes no #TYPE line, which is never written.", aliases: ["NTI"]),
        Parameter("IncludeTypeInformation", .switched, "Begins with PowerShell's #TYPE line.", aliases: ["ITI"]),
        Parameter("NoHeader", .switched, "Leaves the header out."),
    ]

    private static func character(_ invocation: any Invocation) throws -> Character {
        let text = invocation.string("Delimiter") ?? ","
        guard text.count == 1, let only = text.first, only != "\"", !only.isNewline else {
            throw ErrorRecord(
                "\(invocation.cmdlet.name) -Delimiter takes one character, and neither a quotation mark nor a line end; given was “\(text)”.",
                "DelimiterInvalid", .invalidArgument, target: text, cmdlet: invocation.cmdlet.name)
        }
        return only
    }

    /// The lines of a table of objects: the first object's properties are the columns.
    private static func lines(_ values: [Value], _ invocation: any Invocation, columns: [String]? = nil) throws -> [String] {
        guard let first = values.first else { return [] }
        let delimiter = try character(invocation)
        let names = columns ?? PropertyReader.names(of: first)
        let quotes = CSVText.Quotes(rawValue: invocation.string("UseQuotes") ?? "") ?? .always
        func line(_ fields: [String]) -> String { String(CSVText.line(fields, delimiter: delimiter, quotes: quotes).dropLast()) }
        var lines: [String] = []
        if invocation.isOn("IncludeTypeInformation") { lines.append("#TYPE \(first.typeName)") }
        if !invocation.isOn("NoHeader"), columns == nil { lines.append(line(names)) }
        for (value, snapshot) in zip(values, try PropertyReader.snapshots(of: values)) {
            lines.append(line(try names.map { (try snapshot?[$0] ?? PropertyReader.property($0, of: value) ?? .null).text }))
        }
        return lines
    }

    /// `ConvertTo-Csv`.
    static let convertToCsv = Cmdlet(
        "ConvertTo", "Csv", synopsis: "Makes comma-separated lines of objects: a header, then a line for each.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter("InputObject", .any, "The objects to convert; usually they come from the pipeline.", pipeline: .byValue), delimiter,
        ] + quoting,
        output: "String",
        examples: [Example("Get-VM | Select-Object Name, State | ConvertTo-Csv", "A header and a line for each virtual machine.")],
        inputFirst: true,
        body: .all { invocation, values in for line in try lines(values, invocation) { try invocation.emit(.string(line)) } })

    /// `Export-Csv`.
    static let exportCsv = Cmdlet(
        "Export", "Csv", aliases: ["epcsv"], synopsis: "Writes objects to a file of comma-separated lines.",
        details: "Text is UTF-8. The first object's properties are the columns. With -Append the columns are those of the file.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter("Path", .path, "The file.", aliases: ["LiteralPath", "PSPath"], mandatory: true, position: 0, completion: .path),
            delimiter, Parameter("Append", .switched, "Adds to the file."),
            Parameter("NoClobber", .switched, "Fails when the file is there already.", aliases: ["NoOverwrite"]),
            Parameter("Force", .switched, "With -Append: an object that lacks a column of the file is written all the same."),
            Parameter("Encoding", .string, "Files are UTF-8.", effect: .noEffect("files are UTF-8")), .inputObject,
        ] + quoting,
        examples: [Example("Get-VM | Select-Object Name, State | Export-Csv machines.csv", "A file that a spreadsheet reads.")],
        shouldProcess: true, inputFirst: true,
        body: .all { invocation, values in
            let path = invocation.string("Path") ?? ""
            guard try invocation.shouldProcess(path, "Export-Csv") else { return }
            var columns: [String]?
            var status = stat()
            if invocation.isOn("Append"), stat(path, &status) == 0, status.st_size > 0 {
                let text = try TextFile.read(path, cmdlet: "Export-Csv")
                let first = text.prefix { !$0.isNewline }
                let names = try CSVReader.fields(of: String(first), delimiter: character(invocation), cmdlet: "Export-Csv")
                columns = names
                if let value = values.first, !invocation.isOn("Force") {
                    let own = PropertyReader.names(of: value).map { $0.lowercased() }
                    if let missing = names.first(where: { !own.contains($0.lowercased()) }) {
                        throw ErrorRecord(
                            "Export-Csv -Append: “\(path)” has the column “\(missing)”, and the objects have no such property.",
                            "CsvColumnMissing", .invalidData, target: path, action: "-Force leaves the column empty.", cmdlet: "Export-Csv")
                    }
                }
            }
            let text = try lines(values, invocation, columns: columns).map { $0 + "\n" }.joined()
            try TextFile.write(
                text, to: path, isAppending: invocation.isOn("Append"), isNew: invocation.isOn("NoClobber"), cmdlet: "Export-Csv")
        })

    /// `ConvertFrom-Csv`.
    static let convertFromCsv = Cmdlet(
        "ConvertFrom", "Csv", synopsis: "Makes objects of comma-separated lines.",
        details: "Every property is a string. A field that a line lacks is nil.", sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "InputObject", .string, "The lines.", mandatory: true, position: 0, pipeline: .byValue, many: true, allowsEmpty: true),
            delimiter, header,
        ],
        output: "Object",
        examples: [Example("Get-VM | ConvertTo-Csv | ConvertFrom-Csv | Format-Table Name", "There and back again.")],
        inputFirst: true,
        body: .all { invocation, values in
            let text = values.map { $0.text + "\n" }.joined()
            let names = invocation.list("Header")?.map(\.text)
            for record in try CSVReader.read(text, delimiter: character(invocation), header: names, cmdlet: "ConvertFrom-Csv") {
                try invocation.emit(.record(record))
            }
        })

    /// `Import-Csv`.
    static let importCsv = Cmdlet(
        "Import", "Csv", aliases: ["ipcsv"], synopsis: "Makes objects of a file of comma-separated lines.",
        details: "Every property is a string; a number is compared as a number with -eq and kin when the other side is one.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "Path", .path, "The files.", aliases: ["LiteralPath", "PSPath", "FullName"], mandatory: true, position: 0,
                pipeline: [.byValue, .byPropertyName], many: true, completion: .path), delimiter, header,
            Parameter("Encoding", .string, "Files are UTF-8.", effect: .noEffect("files are UTF-8")),
        ],
        output: "Object",
        examples: [
            Example(
                "for row in Import-Csv machines.csv do New-VM $row.Name -MemoryStartupBytes $row.Memory end", "A machine for each line.")
        ],
        body: .perCall { invocation in
            let names = invocation.list("Header")?.map(\.text)
            for path in invocation.list("Path") ?? [] {
                let text = try TextFile.read(path.text, cmdlet: "Import-Csv")
                for record in try CSVReader.read(text, delimiter: character(invocation), header: names, cmdlet: "Import-Csv") {
                    try invocation.emit(.record(record))
                }
            }
        })
}

extension Cmdlet {
    private static let path = Parameter(
        "Path", .path, "The file.", aliases: ["FilePath", "LiteralPath", "PSPath"], mandatory: true, position: 0, pipeline: .byPropertyName,
        completion: .path)
    private static let value = Parameter("Value", .any, "The lines to write.", mandatory: true, position: 1, pipeline: .byValue)

    /// `Get-Content`.
    static let getContent = Cmdlet(
        "Get", "Content", aliases: ["gc", "cat", "type"], synopsis: "Gets the lines of a file.",
        sets: [.init("Default", shape: .computed("a list of lines; with -Raw one string") { $0.isOn("Raw") ? .one : .many })],
        parameters: [
            path, Parameter("TotalCount", .integer(0...Int64.max), "Only that many lines from the beginning.", aliases: ["First", "Head"]),
            Parameter("Tail", .integer(0...Int64.max), "Only that many lines from the end.", aliases: ["Last"]),
            Parameter("Raw", .switched, "Gives the text as one string."),
        ],
        output: "String",
        examples: [Example("for name in Get-Content names.txt do New-VM $name end", "A virtual machine for each line.")],
        body: .perCall { invocation in
            let text = try TextFile.read(invocation.string("Path") ?? "", cmdlet: "Get-Content")
            if invocation.isOn("Raw") { return try invocation.emit(.string(text)) }
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last?.isEmpty == true { lines.removeLast() }
            if let count = invocation.integer("TotalCount") { lines = Array(lines.prefix(Int(clamping: count))) }
            if let count = invocation.integer("Tail") { lines = Array(lines.suffix(Int(clamping: count))) }
            for line in lines { try invocation.emit(.string(line.hasSuffix("\r") ? String(line.dropLast()) : String(line))) }
        })

    /// `Set-Content`.
    static let setContent = Cmdlet(
        "Set", "Content", synopsis: "Replaces a file with lines of text.", sets: [.init("Default", shape: .nothing)],
        parameters: [path, value, Parameter("NoNewline", .switched, "Writes no line ends.")],
        examples: [Example("Get-VM | % Name | Set-Content names.txt", "Writes the names of all virtual machines.")],
        shouldProcess: true, body: writing(isAppending: false))

    /// `Add-Content`.
    static let addContent = Cmdlet(
        "Add", "Content", synopsis: "Adds lines of text to a file.", sets: [.init("Default", shape: .nothing)],
        parameters: [path, value, Parameter("NoNewline", .switched, "Writes no line ends.")],
        examples: [Example("Add-Content log.txt 'web01 is up'", "Adds a line.")],
        shouldProcess: true, body: writing(isAppending: true))

    private static func writing(isAppending: Bool) -> Body {
        .streaming { invocation in
            var lines: [String] = []
            // -Value by name or position is what is written; else the pipeline's objects are.
            if !invocation.arguments.isPiped("Value") { lines = (invocation.list("Value") ?? []).map(\.text) }
            return StreamClosures {
                lines.append($0.text)
                return true
            } end: {
                let path = invocation.string("Path") ?? ""
                guard try invocation.shouldProcess(path, invocation.cmdlet.name) else { return }
                let end = invocation.isOn("NoNewline") ? "" : "\n"
                try TextFile.write(
                    lines.map { $0 + end }.joined(), to: path, isAppending: isAppending, isNew: false, cmdlet: invocation.cmdlet.name)
            }
        }
    }
}

extension Cmdlet {
    /// `Out-String`: what would be shown, as one string.
    static let outString = Cmdlet(
        "Out", "String", aliases: ["oss"], synopsis: "Gives what would be shown as a string.", sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Width", .integer(20...100_000), "Columns to cut tables to; without it nothing is cut."), .inputObject,
        ],
        output: "String",
        examples: [Example("$text = Get-VM | Out-String", "The table of virtual machines as a string.")],
        inputFirst: true,
        body: .all { invocation, values in
            let collector = TextCollector(width: invocation.integer("Width").map { Int($0) })
            let display = Display(terminal: collector, format: .table)
            for value in values { try display.show(value) }
            try display.finish()
            try invocation.emit(.string(collector.text))
        })
}

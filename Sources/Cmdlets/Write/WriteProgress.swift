extension Cmdlet {
    /// `Write-Progress`: how far a script is.
    static let writeProgress = Cmdlet(
        "Write", "Progress", synopsis: "Shows on a terminal how far the work is.",
        details: "Nothing is shown when standard error is redirected, or with --quiet.", sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter("Activity", .string, "What is being done.", mandatory: true, position: 0),
            Parameter("Status", .string, "What is being done just now.", position: 1, default: .string("Processing")),
            Parameter("Id", .integer(0...Int64(Int32.max)), "Number of the bar.", position: 2, default: .integer(0)),
            Parameter("PercentComplete", .integer(-1...100), "How much is done, in percent; -1: nobody knows.", default: .integer(-1)),
            Parameter("SecondsRemaining", .integer(-1...Int64(Int32.max)), "How long it will take still.", default: .integer(-1)),
            Parameter("CurrentOperation", .string, "What is being done to which thing."),
            Parameter("ParentId", .integer(-1...Int64(Int32.max)), "Number of the bar that this one belongs to.", default: .integer(-1)),
            Parameter("Completed", .switched, "Takes the bar away."),
            Parameter("SourceId", .integer(0...Int64(Int32.max)), "Number of the source.", default: .integer(0)),
        ],
        examples: [Example("Write-Progress Copying -Status web01 -PercentComplete 40", "A bar that is 40 percent full.")],
        body: .perCall { invocation in
            var text = invocation.string("Activity") ?? ""
            if let status = invocation.string("Status"), invocation.isGiven("Status") { text += ": \(status)" }
            if let operation = invocation.string("CurrentOperation") { text += " (\(operation))" }
            if let seconds = invocation.integer("SecondsRemaining"), seconds >= 0 { text += ", \(TimeSpan(seconds: Double(seconds))) left" }
            let percent = invocation.integer("PercentComplete") ?? -1
            let fraction: Double? = invocation.isOn("Completed") ? nil : percent < 0 ? 0 : Double(percent) / 100
            invocation.terminal.progress(CellText.escapingControls(text, keepingLines: false), fraction: fraction)
        })
}

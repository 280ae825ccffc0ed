import Basics

extension Cmdlet {
    /// `Write-Warning`.
    static let writeWarning = Cmdlet(
        "Write", "Warning", synopsis: "Writes a warning to standard error, as -WarningAction says.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter(
                "Message", .string, "The warning.", aliases: ["Msg"], mandatory: true, position: 0, pipeline: .byValue, allowsEmpty: true)
        ],
        examples: [Example("Write-Warning 'web01 is still running'", "A warning.")],
        body: .perCall { $0.warn(CellText.escapingControls($0.string("Message") ?? "")) })

    /// `Write-Verbose`.
    static let writeVerbose = Cmdlet(
        "Write", "Verbose", synopsis: "Writes to standard error when -Verbose is given.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter(
                "Message", .string, "The message.", aliases: ["Msg"], mandatory: true, position: 0, pipeline: .byValue, allowsEmpty: true)
        ],
        examples: [Example("Write-Verbose 'looking at web01'", "A message for those who want details.")],
        body: .perCall { $0.verbose(CellText.escapingControls($0.string("Message") ?? "")) })

    /// `Write-Error`.
    static let writeError = Cmdlet(
        "Write", "Error", synopsis: "Reports a failure, as -ErrorAction says.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter("Message", .string, "What went wrong.", aliases: ["Msg"], mandatory: true, position: 0, pipeline: .byValue),
            Parameter("ErrorId", .string, "Stable identifier of the error.", default: .string("WriteError")),
            Parameter(
                "Category", .enumeration("ErrorCategory", ErrorCategory.allCases.map(\.rawValue)), "Its category.",
                default: .string("NotSpecified")),
            Parameter("TargetObject", .any, "What it is about."),
            Parameter("RecommendedAction", .string, "What to do."),
        ],
        examples: [Example("Write-Error 'no free name' -ErrorId NoName", "Raises in a script, shows and goes on at the prompt.")],
        body: .perCall { invocation in
            try invocation.report(
                ErrorRecord(
                    invocation.string("Message") ?? "", invocation.string("ErrorId") ?? "WriteError",
                    ErrorCategory(rawValue: invocation.string("Category") ?? "") ?? .notSpecified,
                    target: invocation.argument("TargetObject")?.text, action: invocation.string("RecommendedAction"), cmdlet: "Write-Error"
                ))
        })
}

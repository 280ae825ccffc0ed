extension Cmdlet {
    private static let colours = [
        "Black", "DarkBlue", "DarkGreen", "DarkCyan", "DarkRed", "DarkMagenta", "DarkYellow", "Gray", "DarkGray", "Blue", "Green", "Cyan",
        "Red", "Magenta", "Yellow", "White",
    ]

    /// `Write-Host`: text for the person at the terminal.
    static let writeHost = Cmdlet(
        "Write", "Host", synopsis: "Writes text for the person at the terminal; it is no result.",
        details: "It goes to standard output, with --output json to standard error.",
        sets: [.init("Default", shape: .nothing)],
        parameters: [
            Parameter("Object", .any, "What to write.", aliases: ["Msg", "Message"], position: 0, pipeline: .byValue, remaining: true),
            Parameter("NoNewline", .switched, "Does not end the line."),
            Parameter("Separator", .any, "What stands between several values.", default: .string(" ")),
            Parameter(
                "ForegroundColor", .enumeration("ConsoleColor", colours), "Colour of the text.", aliases: ["fgc"],
                effect: .noEffect("Write-Host writes in the terminal's own colours")),
            Parameter(
                "BackgroundColor", .enumeration("ConsoleColor", colours), "Colour behind the text.", aliases: ["bgc"],
                effect: .noEffect("Write-Host writes in the terminal's own colours")),
        ],
        examples: [Example("Write-Host 'starting web01'", "Tells what the script does.")],
        body: .perCall { invocation in
            if let call = invocation as? StageInvocation, [.silentlyContinue, .ignore].contains(call.informationAction) { return }
            let separator = invocation.argument("Separator")?.text ?? " "
            let text = (invocation.list("Object") ?? []).map(\.text).joined(separator: separator)
            invocation.terminal.write(CellText.escapingControls(text, keepingLines: true) + (invocation.isOn("NoNewline") ? "" : "\n"))
        })
}

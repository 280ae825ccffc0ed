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
                "ForegroundColor", .enumeration("ConsoleColor", colours), "Colour of the text, on a terminal that has colours.",
                aliases: ["fgc"]),
            Parameter(
                "BackgroundColor", .enumeration("ConsoleColor", colours), "Colour behind the text, on a terminal that has colours.",
                aliases: ["bgc"]),
        ],
        examples: [Example("Write-Host 'starting web01'", "Tells what the script does.")],
        body: .perCall { invocation in
            let separator = invocation.argument("Separator")?.text ?? " "
            let text = (invocation.list("Object") ?? []).map(\.text).joined(separator: separator)
            if let call = invocation as? StageInvocation, !call.inform(text) { return }
            let shown = coloured(CellText.escapingControls(text, keepingLines: true), invocation)
            invocation.terminal.write(shown + (invocation.isOn("NoNewline") ? "" : "\n"))
        })

    /// The console's sixteen colours are the terminal's: dark ones 30 to 37, bright ones 90 to 97.
    private static func coloured(_ text: String, _ invocation: any Invocation) -> String {
        guard invocation.terminal.usesColours, !text.isEmpty else { return text }
        let codes = [
            "Black": 30, "DarkRed": 31, "DarkGreen": 32, "DarkYellow": 33, "DarkBlue": 34, "DarkMagenta": 35, "DarkCyan": 36, "Gray": 37,
            "DarkGray": 90, "Red": 91, "Green": 92, "Yellow": 93, "Blue": 94, "Magenta": 95, "Cyan": 96, "White": 97,
        ]
        var chosen: [Int] = []
        if let code = invocation.string("ForegroundColor").flatMap({ codes[$0] }) { chosen.append(code) }
        if let code = invocation.string("BackgroundColor").flatMap({ codes[$0] }) { chosen.append(code + 10) }
        guard !chosen.isEmpty else { return text }
        return "\u{1b}[\(chosen.map(String.init).joined(separator: ";"))m\(text)\u{1b}[0m"
    }
}

extension Cmdlet {
    /// `Read-Host`: a line from the user.
    static let readHost = Cmdlet(
        "Read", "Host", synopsis: "Asks for a line of text.",
        details: "The prompt goes to standard error; the line comes from standard input. At its end the error EndOfInput is raised.",
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("Prompt", .any, "What to ask.", position: 0, remaining: true),
            Parameter("MaskInput", .switched, "Does not show what is typed."),
            Parameter(
                "AsSecureString", .switched, "Gives an encrypted string.",
                effect: .refused("there are no encrypted strings here; -MaskInput hides what is typed")),
        ],
        output: "String",
        examples: [Example("local name = Read-Host 'Name of the machine'", "Asks for a name.")],
        body: .perCall { invocation in
            let prompt = (invocation.list("Prompt") ?? []).map(\.text).joined(separator: " ")
            let shown = prompt.isEmpty ? nil : CellText.escapingControls(prompt) + ": "
            let line =
                invocation.isOn("MaskInput") && invocation.terminal.isInteractive
                ? try masked(invocation.terminal, shown) : invocation.terminal.readLine(prompt: shown)
            try invocation.checkCancelled()
            guard let line else {
                throw ErrorRecord(
                    "Read-Host: standard input has ended.", "EndOfInput", .readError,
                    action: "Give the value as a parameter of the script.",
                    cmdlet: "Read-Host")
            }
            try invocation.emit(.string(line))
        })

    private static func masked(_ terminal: any Terminal, _ prompt: String?) throws -> String? {
        if let prompt { terminal.writeError(prompt) }
        var bytes: [UInt8] = []
        var isEnded = false
        try terminal.raw { readByte in
            while true {
                guard let byte = readByte(100) else { continue }
                switch byte {
                case 10, 13: return
                // Ctrl-C; Ctrl-D on an empty line.
                case 3, 4:
                    guard byte == 3 || bytes.isEmpty else { continue }
                    isEnded = true
                    return
                case 8, 127: if !bytes.isEmpty { bytes.removeLast() }
                default: bytes.append(byte)
                }
            }
        }
        terminal.writeError("\n")
        if isEnded { throw Cancellation() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

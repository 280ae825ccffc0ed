extension Cmdlet {
    /// `Start-Transcript`.
    static let startTranscript = Cmdlet(
        "Start", "Transcript", synopsis: "Keeps what is typed and shown in a file, too.",
        details: "Progress is left out. A transcript that runs already goes on in the new file.", sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Path", .path, "The file; without it lunavisor-transcript-TIME.txt in the current folder.", aliases: ["LiteralPath"],
                position: 0, completion: .path),
            Parameter("Append", .switched, "Adds to the file."),
            Parameter("NoClobber", .switched, "Fails when the file is there already.", aliases: ["NoOverwrite"]),
            Parameter("Force", .switched, "Replaces the file, which it does anyway."),
        ],
        output: "String",
        examples: [Example("Start-Transcript today.txt", "Keeps the day's work.")],
        shouldProcess: true,
        body: .perCall { invocation in
            let stamp = Timestamp.now().formatted("yyyyMMddHHmmss")
            let path = FilePaths.absolute(invocation.string("Path") ?? "lunavisor-transcript-\(stamp).txt")
            guard try invocation.shouldProcess(path, "Start-Transcript") else { return }
            try invocation.terminal.startTranscript(path, isAppending: invocation.isOn("Append"), isNew: invocation.isOn("NoClobber"))
            try invocation.emit(.string(path))
        })

    /// `Stop-Transcript`.
    static let stopTranscript = Cmdlet(
        "Stop", "Transcript", synopsis: "Ends the transcript and gives its path.", sets: [.init("Default", shape: .one)], parameters: [],
        output: "String", examples: [Example("Stop-Transcript", "Ends it.")],
        body: .perCall { invocation in
            guard let path = invocation.terminal.stopTranscript() else {
                throw ErrorRecord(
                    "Stop-Transcript: there is no transcript.", "NoTranscript", .invalidOperation, action: "Start-Transcript begins one.",
                    cmdlet: "Stop-Transcript")
            }
            try invocation.emit(.string(path))
        })
}

import Management

extension Cmdlet {
    /// `Start-VMTrace`.
    static let startVMTrace = Cmdlet(
        "Start", "VMTrace", synopsis: "Begins to write down what this session does.",
        details:
            "Error writes errors; Warning warnings, too; Info also every call with the time that it took; Verbose also its arguments and every request to a machine's worker or a switch's process. A file that is there is added to. The trace ends with Stop-VMTrace or the session.",
        departures: ["It gives the file's path. Without -Path the file is lunavisor-vmtrace-TIME.log in the current folder."],
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter(
                "Level", .enumeration("TraceLevel", TraceLog.Level.allCases.map(\.name)), "How much is written.", mandatory: true,
                position: 0),
            Parameter("TraceVerboseObjects", .switched, "With Verbose: also the properties of what the calls give."),
            Parameter("Path", .path, "The file.", completion: .path),
        ],
        output: "String",
        examples: [
            Example(
                "Start-VMTrace Verbose -Path trace.log; Get-VM web01; Stop-VMTrace; Get-Content trace.log", "What Get-VM asks the worker.")
        ],
        body: .perCall { invocation in
            let stamp = Timestamp.now().formatted("yyyyMMddHHmmss")
            let path = FilePaths.absolute(invocation.string("Path") ?? "lunavisor-vmtrace-\(stamp).log")
            try invocation.checkWritable(path)
            let level = TraceLog.Level(name: invocation.string("Level") ?? "") ?? .error
            try invocation.context.host.startTrace(path: path, level: level, showsObjects: invocation.isOn("TraceVerboseObjects"))
            try invocation.emit(.string(path))
        })

    /// `Stop-VMTrace`.
    static let stopVMTrace = Cmdlet(
        "Stop", "VMTrace", synopsis: "Ends the trace and gives its path.", sets: [.init("Default", shape: .one)], parameters: [],
        output: "String", examples: [Example("Stop-VMTrace", "Ends it.")],
        body: .perCall { invocation in
            let ended = try invocation.context.host.stopTrace()
            if ended.lostLines > 0 {
                invocation.warn("\(ended.lostLines) lines of the trace are lost: “\(ended.path)” could not be written.")
            }
            try invocation.emit(.string(ended.path))
        })
}

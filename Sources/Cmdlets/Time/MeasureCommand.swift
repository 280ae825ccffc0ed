import Basics

extension Cmdlet {
    /// `Measure-Command`.
    static let measureCommand = Cmdlet(
        "Measure", "Command", synopsis: "Measures how long a block takes; what it returns is dropped.",
        sets: [.init("Default", shape: .one)],
        parameters: [Parameter("Expression", .block, "The block.", mandatory: true, position: 0)],
        output: "TimeSpan",
        examples: [Example("Measure-Command { Start-VM web01 }", "How long the start takes.")],
        body: .perCall { invocation in
            guard let block = invocation.argument("Expression")?.blockValue else { return }
            let start = HostTime.seconds()
            _ = try block.call(.null, [])
            try invocation.emit(.duration(TimeSpan(seconds: HostTime.seconds() - start)))
        })
}

extension Cmdlet {
    /// `Send-VMConsole`.
    static let sendVMConsole = Cmdlet(
        "Send", "VMConsole", synopsis: "Types text on the console of virtual machines.",
        details: "The text is followed by the Enter key unless -NoNewline is given; line ends within it are Enter too.",
        sets: [.init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing)],
        parameters: [
            .partVMName(), .vm(),
            Parameter("Text", .string, "What to type.", mandatory: true, position: 1, pipeline: .byValue, ours: true, allowsEmpty: true),
            Parameter("NoNewline", .switched, "Does not press Enter at the end.", ours: true), .consolePort,
        ],
        examples: [Example("Send-VMConsole web01 'date'", "Types a command for web01's shell.")],
        ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            var bytes: [UInt8] = []
            for byte in (invocation.string("Text") ?? "").utf8 where !(byte == 10 && bytes.last == 13) {
                bytes.append(byte == 10 ? 13 : byte)
            }
            if !invocation.isOn("NoNewline") { bytes.append(13) }
            try target.virtualMachine().console(port: Int(invocation.integer("Port") ?? 1)).send(bytes)
        })
}

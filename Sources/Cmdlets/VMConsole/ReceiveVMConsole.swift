import Basics
import Management

extension Cmdlet {
    /// `Receive-VMConsole`.
    static let receiveVMConsole = Cmdlet(
        "Receive", "VMConsole", synopsis: "Gets what virtual machines wrote to their console, line by line.",
        details: "Also of a machine that is off: the text is kept in its folder. -Follow goes on until the machine stops.",
        sets: [
            .init("VMName", isDefault: true, shape: consoleShape), .init("VMObject", shape: consoleShape),
        ],
        parameters: [
            .partVMName(), .vm(), .consolePort,
            Parameter("Tail", .integer(0...1_000_000), "Only that many of the last lines.", ours: true),
            Parameter(
                "Follow", .switched, "Waits for more until the machine stops; for one machine at a time.", aliases: ["Wait"], ours: true),
            Parameter("Since", .time, "Only what was written after this time.", ours: true),
            Parameter("Raw", .switched, "Gives the text as one string, as it was written.", ours: true),
        ],
        output: "String",
        examples: [
            Example("Receive-VMConsole web01 -Tail 20", "The last twenty lines."),
            Example("Receive-VMConsole web01 -Follow | Select-Object -First 1", "The first line there is."),
        ],
        ours: true,
        body: .perCall { invocation in
            let targets = try invocation.machines(["VMName", "VM"]).map(\.machine)
            func misuse(_ text: String) -> ErrorRecord {
                ErrorRecord(text, "AmbiguousParameterSet", .invalidArgument, cmdlet: "Receive-VMConsole")
            }
            if invocation.isOn("Follow") {
                guard targets.count <= 1 else { throw misuse("Receive-VMConsole -Follow follows one virtual machine at a time.") }
                guard !invocation.isOn("Raw") else { throw misuse("Receive-VMConsole: -Follow and -Raw do not go together.") }
            }
            for machine in targets {
                let console = try machine.console(port: Int(invocation.integer("Port") ?? 1))
                var start = ConsoleStart.beginning
                if case .time(let time)? = invocation.argument("Since") { start = .time(time.unixNanoseconds) }
                var lines = ConsoleLines()
                let text = try invocation.integer("Tail").map { try console.tail(lines: Int($0)) } ?? console.read(from: start)
                if text.dropped > 0, !invocation.isGiven("Tail") {
                    invocation.warn("\(machine.name): \(text.dropped) bytes of older console text are no longer kept.")
                }
                if invocation.isOn("Raw") {
                    try invocation.emit(.string(text.text))
                    continue
                }
                for line in lines.add(text.bytes) { try invocation.emit(.string(line)) }
                if invocation.isOn("Follow") {
                    try console.follow(from: .offset(text.end), isCancelled: { (try? invocation.checkCancelled()) == nil }) { more in
                        for line in lines.add(more.bytes) { try invocation.emit(.string(line)) }
                        return true
                    }
                    try invocation.checkCancelled()
                }
                if let rest = lines.finish() { try invocation.emit(.string(rest)) }
            }
        })

    private static let consoleShape = Shape.computed("a list of lines; with -Raw one string for one virtual machine") {
        $0.isOn("Raw") ? .oneIfSingle(["VMName", "VM"]) : .many
    }
}

import Basics
import Glibc
import Management

extension Cmdlet {
    /// `Connect-VMConsole`.
    static let connectVMConsole = Cmdlet(
        "Connect", "VMConsole", synopsis: "Connects the terminal to a virtual machine's console; Ctrl-] comes back.",
        details: "Every other key goes to the guest, Ctrl-C too. It ends by itself when the machine stops.",
        sets: [.init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing)],
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Name of the virtual machine.", sets: ["VMName"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "The virtual machine.", sets: ["VMObject"], mandatory: true, position: 0,
                pipeline: .byValue,
                completion: .vmName),
            .consolePort,
            Parameter("Replay", .bytes, "How much earlier output to show first.", default: .integer(4096), ours: true),
        ],
        examples: [Example("Connect-VMConsole web01", "Types and reads at web01's first serial port.")],
        ours: true,
        body: .perCall { invocation in
            guard invocation.terminal.isInteractive else {
                throw ErrorRecord(
                    "Connect-VMConsole needs a terminal.", "TerminalRequired", .invalidOperation,
                    action: "In scripts use Send-VMConsole, Receive-VMConsole and Wait-VM -For Console.", cmdlet: "Connect-VMConsole")
            }
            let machines = try invocation.machines(["VMName", "VM"]).map(\.machine)
            guard let machine = machines.first, machines.count == 1 else {
                guard machines.isEmpty else {
                    throw ErrorRecord(
                        "Connect-VMConsole connects to one virtual machine; given were \(machines.count).", "TooManyTargets",
                        .invalidArgument,
                        cmdlet: "Connect-VMConsole")
                }
                return
            }
            let attachment = try machine.console(port: Int(invocation.integer("Port") ?? 1))
                .attach(replay: Int(clamping: invocation.integer("Replay") ?? 4096))
            defer { attachment.close() }
            let terminal = invocation.terminal
            terminal.write("Connected to \(machine.name); Ctrl-] comes back.\n")
            var hasStopped = false
            try terminal.raw { readByte in
                var bridge = ConsoleBridge(descriptor: attachment.descriptor, terminal: terminal)
                hasStopped = try bridge.run(readByte)
            }
            terminal.write(hasStopped ? "\n\(machine.name) has stopped.\n" : "\nDisconnected from \(machine.name).\n")
        })
}

/// Carries bytes between the terminal and a console until Ctrl-] or the machine's end.
private struct ConsoleBridge {
    let descriptor: Int32
    let terminal: any Terminal
    /// The beginning of a UTF-8 sequence whose rest has not come yet.
    private var partial: [UInt8] = []
    private var unsent: [UInt8] = []

    init(descriptor: Int32, terminal: any Terminal) { (self.descriptor, self.terminal) = (descriptor, terminal) }

    /// Ctrl-], which telnet uses for the same.
    private static let escape: UInt8 = 0x1d

    /// True when the machine stopped, false when the user left.
    mutating func run(_ readByte: (Int32) -> UInt8?) throws -> Bool {
        while true {
            var isBusy = false
            switch receive() {
            case .ended: return true
            case .some: isBusy = true
            case .nothing: break
            }
            // The keyboard is looked at between reads; while the guest writes nothing, waiting there costs nothing.
            var wait: Int32 = isBusy || !unsent.isEmpty ? 0 : 10
            while let byte = readByte(wait) {
                if byte == Self.escape { return false }
                if unsent.count < 1 << 16 { unsent.append(byte) }
                wait = 0
            }
            send()
        }
    }

    private enum Received { case nothing, some, ended }

    private mutating func receive() -> Received {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = read(descriptor, &buffer, buffer.count)
        if count == 0 { return .ended }
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .nothing : .ended }
        partial += buffer.prefix(count)
        let whole = Self.wholeLength(partial)
        if whole > 0 { terminal.writeOutput(String(decoding: partial.prefix(whole), as: UTF8.self)) }
        partial.removeFirst(whole)
        return .some
    }

    private mutating func send() {
        guard !unsent.isEmpty else { return }
        let count = write(descriptor, unsent, unsent.count)
        if count > 0 { unsent.removeFirst(count) }
    }

    /// How many bytes do not end within a UTF-8 sequence.
    private static func wholeLength(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xc0 == 0x80 { continue }
            let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
            return length > back ? bytes.count - back : bytes.count
        }
        return bytes.count
    }
}

import Basics
import Management

extension Cmdlet {
    /// `Wait-VM`.
    static let waitVM = Cmdlet(
        "Wait", "VM", synopsis: "Waits for the guests of virtual machines, until they are off, or until a text appears on their console.",
        details:
            "-For Console also matches text that was printed before it was called, back to the machine's last start or reset, unless -Since says otherwise. When -Timeout is over the error is WaitTimeout; when the guest has crashed and then printed nothing for 30 s it is GuestCrashed.",
        departures: [
            "-For Off and -For Console are ours.",
            "Without -For it waits for the console when -Pattern is given, else, as the module, for the heartbeat.",
        ],
        sets: ParameterSet.verbSets,
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: []) + [
            .asJob, .passthru,
            Parameter(
                "For", .enumeration("WaitVMTypes", ["Heartbeat", "IPAddress", "MemoryOperations", "Reboot", "Off", "Console"]),
                "What to wait for: Heartbeat, IPAddress, MemoryOperations (its memory driver), Reboot (from now on), Off (no longer running) or Console (a text on its console)."
            ),
            Parameter(
                "Timeout", .integer(-1...2_147_483_647), "Seconds to wait; -1, the default, is without end.", aliases: ["TimeoutSec"]),
            Parameter(
                "Delay", .integer(1...65535), "Seconds between two looks at what the guest reports; four a second unless given."),
            Parameter("Pattern", .string, "Regular expression that the console's text shall match.", ours: true),
            Parameter("SimpleMatch", .switched, "The pattern is plain text.", ours: true),
            Parameter("CaseSensitive", .switched, "Letter case counts.", ours: true),
            Parameter("Since", .time, "Only text printed after this time counts.", ours: true),
            Parameter("Port", .integer(1...2), "Which serial port the console is.", default: .integer(1), ours: true),
        ],
        output: "VirtualMachine",
        examples: [
            Example("Wait-VM web01 -For Console -Pattern 'login:' -Timeout 60", "Waits at most a minute for the login prompt."),
            Example("Wait-VM web01 -For IPAddress -Timeout 120", "Waits at most two minutes for an address of the guest."),
            Example("Wait-VM web01 -For Off", "Waits until web01 has stopped."),
        ],
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let wanted = invocation.string("For") ?? (invocation.isGiven("Pattern") ? "Console" : "Heartbeat")
            let seconds = invocation.integer("Timeout") ?? -1
            let timeout = seconds < 0 ? nil : Double(seconds)
            let activity = "Waiting for \(machine.name) (\(wanted))"
            defer { invocation.terminal.endProgress(activity) }
            let isCancelled = {
                invocation.terminal.show(Progress(activity, fraction: nil))
                return (try? invocation.checkCancelled()) == nil
            }
            func misuse(_ text: String) -> ErrorRecord {
                ErrorRecord(text, "AmbiguousParameterSet", .invalidArgument, target: target.displayName, cmdlet: "Wait-VM")
            }
            if wanted != "Console",
                let wrong = ["Pattern", "SimpleMatch", "CaseSensitive", "Since", "Port"].first(where: invocation.isGiven)
            {
                throw misuse("Wait-VM -\(wrong) goes with -For Console only.")
            }
            switch wanted {
            case "Off": try machine.wait(for: .off, timeout: timeout, isCancelled: isCancelled)
            case "Console":
                guard let pattern = invocation.string("Pattern") else { throw misuse("Wait-VM -For Console needs -Pattern.") }
                let text = try ConsolePattern(
                    pattern, isPlain: invocation.isOn("SimpleMatch"), ignoringCase: !invocation.isOn("CaseSensitive"), invocation.context)
                var since = ConsoleStart.lastStart
                if case .time(let time)? = invocation.argument("Since") { since = .time(time.unixNanoseconds) }
                try machine.wait(
                    for: .console(port: Int(invocation.integer("Port") ?? 1), since: since, matches: { try text.matches($0) }),
                    timeout: timeout, isCancelled: isCancelled)
            default:
                let conditions: [String: GuestCondition] = [
                    "IPAddress": .ipAddress, "MemoryOperations": .memoryOperations, "Reboot": .reboot(),
                ]
                try machine.wait(
                    forGuest: conditions[wanted] ?? .heartbeat, timeout: timeout, interval: invocation.interval, isCancelled: isCancelled)
            }
            try invocation.passthru(target)
        })
}

/// What to look for in a console's text: a regular expression or plain text.
private struct ConsolePattern: Sendable {
    private enum Kind: Sendable {
        case plain([UInt8], ignoringCase: Bool)
        case expression(any PatternMatcher)
    }
    private let kind: Kind

    init(_ pattern: String, isPlain: Bool, ignoringCase: Bool, _ context: any ExecutionContext) throws {
        kind =
            isPlain
            ? .plain(Array((ignoringCase ? pattern.lowercased() : pattern).utf8), ignoringCase: ignoringCase)
            : .expression(try context.matcher(pattern, ignoringCase: ignoringCase))
    }

    func matches(_ text: String) throws -> Bool {
        switch kind {
        case .expression(let matcher): return try matcher.firstMatch(in: text) != nil
        case .plain(let wanted, let ignoringCase):
            let bytes = Array((ignoringCase ? text.lowercased() : text).utf8)
            guard let first = wanted.first, bytes.count >= wanted.count else { return wanted.isEmpty }
            return (0...bytes.count - wanted.count).contains { bytes[$0] == first && bytes[$0..<$0 + wanted.count].elementsEqual(wanted) }
        }
    }
}

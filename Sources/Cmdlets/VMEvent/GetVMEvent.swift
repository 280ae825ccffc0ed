import Basics
import Management
import Persistence

/// One event of a virtual machine; it never changes.
final class VMEventObject: LiveObject {
    private let machineId: String
    private let machineName: String
    private let event: VirtualMachineEvent

    init(_ machine: VirtualMachine, _ event: VirtualMachineEvent) {
        (machineId, machineName, self.event) = (machine.id.description, machine.name, event)
    }

    var type: ObjectType { Self.objectType }
    var identity: String { "\(machineId)/\(event.sequence)" }
    var displayName: String { event.message }

    func snapshot() throws -> Record {
        func text(_ value: String?) -> Value { value.map { .string($0) } ?? .null }
        return Record(
            typeName: "VMEvent",
            [
                ("Time", .time(Timestamp(unixNanoseconds: event.time))), ("VMName", .string(machineName)), ("VMId", .string(machineId)),
                ("Level", .string(event.level.rawValue)), ("Kind", .string(event.kind.rawValue)), ("Message", .string(event.message)),
                ("User", text(event.initiator?.user)), ("ProcessId", event.initiator.map { .count($0.processId) } ?? .null),
                ("Program", text(event.initiator?.program)), ("GuestText", text(event.guestText)),
                ("Details", .record(Record((event.details ?? []).map { ($0.name, .string($0.value)) }))),
                ("Sequence", .count(event.sequence)),
            ])
    }

    static let objectType = ObjectType(
        name: "VMEvent",
        properties: [
            .init("Time", "DateTime", "When it happened."), .init("VMName", "String", "Name of its virtual machine."),
            .init("VMId", "Guid", "Identifier of its virtual machine."),
            .init("Level", "String", "Information, Warning or Critical."),
            .init("Kind", "String", "Started, Stopped, WorkerDied, GuestCrashed and so on."),
            .init("Message", "String", "What happened, in words."), .init("User", "String", "Who asked for it."),
            .init("ProcessId", "Int32", "The process that asked."), .init("Program", "String", "Name of that process."),
            .init("GuestText", "String", "What the guest said of itself, as a crash's text."),
            .init("Details", "Hashtable", "Crash parameters, registers and the like."),
            .init("Sequence", "UInt64", "Counts from 1 within the virtual machine."),
        ])
}

extension Cmdlet {
    /// `Get-VMEvent`.
    static let getVMEvent = Cmdlet(
        "Get", "VMEvent", synopsis: "Gets what happened to virtual machines: started and stopped by whom, crashed and with what words.",
        sets: [.init("VMName", isDefault: true, shape: .many), .init("VMObject", shape: .many)],
        parameters: [
            .partVMName(mandatory: false), .vm(),
            Parameter("Last", .integer(1...1_000_000), "Only that many of the newest.", ours: true),
            Parameter("Since", .time, "Only what happened after this time.", ours: true),
            Parameter(
                "Level", .enumeration("VMEventLevel", ["Information", "Warning", "Critical"]), "Only events of these levels.", many: true,
                ours: true),
            Parameter("Kind", .string, "Only events of these kinds; wildcards are accepted.", many: true, wildcards: true, ours: true),
        ],
        output: "VMEvent",
        examples: [
            Example("Get-VMEvent web01 -Last 5", "The five newest events of web01."),
            Example("Get-VMEvent -Level Critical", "What went wrong with any virtual machine."),
        ],
        ours: true,
        body: .perCall { invocation in
            var events: [(machine: VirtualMachine, event: VirtualMachineEvent)] = []
            if invocation.isGiven("VMName") || invocation.isGiven("VM") {
                for target in try invocation.machines(["VMName", "VM"]) {
                    events += try target.machine.events().map { (target.machine, $0) }
                }
                events.sort { $0.event.time < $1.event.time }
            } else {
                events = try invocation.context.host.events()
            }
            if case .time(let since)? = invocation.argument("Since") { events = events.filter { $0.event.time >= since.unixNanoseconds } }
            if let levels = invocation.list("Level")?.map(\.text) { events = events.filter { levels.contains($0.event.level.rawValue) } }
            if let kinds = invocation.list("Kind")?.map({ WildcardPattern($0.text) }) {
                events = events.filter { event in kinds.contains { $0.matches(event.event.kind.rawValue) } }
            }
            if let last = invocation.integer("Last") { events = Array(events.suffix(Int(last))) }
            for event in events { try invocation.emit(.object(VMEventObject(event.machine, event.event))) }
        })
}

import Basics
import Management
import WorkerProtocol

extension ObjectType {
    static let virtualProcessor = ObjectType(
        name: "VirtualProcessor",
        properties: [
            .init("VMName", "String", "Name of its virtual machine."),
            .init("Index", "Int32", "Index in its partition, from 0."),
            .init("RunState", "String", "Running, Halted, Suspended or WaitingForStartup."),
            .init("InstructionsRetired", "UInt64", "Instructions it has executed."),
            .init("RunTime", "TimeSpan", "Time it ran."),
            .init("Registers", "Hashtable", "Its registers in hexadecimal, read when asked for."),
            .init("Counters", "Hashtable", "What its engine counted, for example blocks translated and TLB misses, read when asked for."),
            .init("VMId", "Guid", "Identifier of its virtual machine."),
        ])
}

extension ComponentObject {
    /// A virtual processor of a running machine; its registers are in a snapshot only when `registers` is set.
    static func virtualProcessor(_ machine: VirtualMachine, _ index: Int, registers: Bool) -> ComponentObject {
        @Sendable func read(registers: Bool) throws -> Record {
            guard let information = try machine.virtualProcessors(registers: registers).first(where: { $0.index == index }) else {
                throw ErrorRecord(
                    "\(machine.name) has no virtual processor \(index): it is not running.", "VirtualProcessorNotFound", .objectNotFound,
                    target: machine.name)
            }
            return Record([
                ("VMName", .string(machine.name)), ("Index", .count(information.index)), ("RunState", .string(information.runState)),
                ("InstructionsRetired", .count(information.instructionsRetired)),
                ("RunTime", .span(nanoseconds: information.runTimeNanoseconds / 1_000_000 * 1_000_000)),
                ("Registers", information.registers.map { .record(Record($0.map { ($0.name, .string(hexadecimal($0))) })) } ?? .null),
                ("Counters", information.counters.map { .record(Record($0.map { ($0.name, .count($0.value)) })) } ?? .null),
                ("VMId", .string(machine.id.description)),
            ])
        }
        return ComponentObject(
            .virtualProcessor, identity: "\(machine.id)/\(index)\(registers ? "/registers" : "")",
            displayName: "\(machine.name) VP \(index)",
            machine: machine, read: { try read(registers: registers) },
            readOne: { ["Registers", "Counters"].contains($0) ? try read(registers: true)[$0] : nil })
    }

    private static func hexadecimal(_ register: VirtualProcessorInformation.Register) -> String {
        func digits(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return "0x" + (register.high.map(digits) ?? "") + digits(register.value)
    }
}

extension Cmdlet {
    /// `Get-VirtualProcessor`.
    static let getVirtualProcessor = Cmdlet(
        "Get", "VirtualProcessor", synopsis: "Gets the virtual processors of running virtual machines.",
        details: "A machine that is off has none. Registers are read when the property Registers is asked for, or shown with -Registers.",
        sets: [
            .init("VMName", isDefault: true, shape: .oneIfSingleWith(["VMName", "VM"], given: ["Index"])),
            .init("VMObject", shape: .oneIfSingleWith(["VMName", "VM"], given: ["Index"])),
        ],
        parameters: [.partVMName(mandatory: false), .vm()] + [
            Parameter("Index", .integer(0...63), "Which one, from 0.", position: 1, ours: true),
            Parameter("Registers", .switched, "Reads the registers with everything else.", ours: true),
        ],
        output: "VirtualProcessor",
        examples: [
            Example("Get-VirtualProcessor web01", "The virtual processors of web01."),
            Example("(Get-VirtualProcessor web01 0).Registers.RIP", "Where the first one executes."),
        ],
        ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let wanted = invocation.integer("Index")
            let indices = try machine.virtualProcessors().map(\.index)
            if let wanted, !indices.contains(Int(wanted)) {
                throw ErrorRecord(
                    indices.isEmpty
                        ? "\(machine.name) has no virtual processors: it is not running."
                        : "\(machine.name) has no virtual processor \(wanted); it has 0 to \(indices.count - 1).",
                    "VirtualProcessorNotFound", .objectNotFound, target: machine.name, cmdlet: "Get-VirtualProcessor")
            }
            for index in indices where wanted.map({ $0 == Int64(index) }) ?? true {
                try invocation.emit(.object(ComponentObject.virtualProcessor(machine, index, registers: invocation.isOn("Registers"))))
            }
        })
}

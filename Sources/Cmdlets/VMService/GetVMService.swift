import Basics
import Management

extension ObjectType {
    static let vmService = ObjectType(
        name: "VMService",
        properties: [
            .init("VMName", "String", "Name of the virtual machine that it serves."),
            .init("Kind", "String", "Worker: the machine itself; Disk: one of its disks, whose code it runs apart from the machine."),
            .init("Name", "String", "What it serves: the machine's name or the disk's path."),
            .init("ProcessId", "Int32", "Its process; nil while another one takes the place of one that ended."),
            .init("RestartCount", "Int32", "How often another process took its place since the machine started."),
            .init("LastRestart", "TimeSpan", "How long that took the last time; nil: it never happened."),
            .init("Requests", "UInt64", "Requests that crossed to it and back; nil: they are not counted."),
            .init("SystemCalls", "UInt64", "System calls that it and those before it made for it; nil: not counted."),
            .init("VMId", "Guid", "Identifier of the virtual machine."),
        ])
}

extension Cmdlet {
    /// `Get-VMService`.
    static let getVMService = Cmdlet(
        "Get", "VMService", synopsis: "Gets the processes that serve running virtual machines.",
        details: """
            Each running machine has a worker. Under the architecture DriverDomain each of its disks has a process of its own besides, which \
            has the disk's images open and nothing else; when one ends, another takes its place and the guest's requests go on.
            """,
        sets: [.init("VMName", isDefault: true, shape: .many), .init("VMObject", shape: .many)],
        parameters: [.partVMName(mandatory: false), .vm()],
        output: "VMService",
        examples: [
            Example("Get-VMService", "The processes of all running virtual machines."),
            Example("Get-VMService web01 | Where-Object Kind -eq Disk", "Those that serve the disks of web01."),
        ],
        ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            for number in 0..<(try ComponentObject.services(of: machine).count) {
                try invocation.emit(.object(ComponentObject.service(machine, number)))
            }
        })
}

extension ComponentObject {
    /// One of the processes that serve a machine, by its place in their list.
    static func service(_ machine: VirtualMachine, _ number: Int) -> ComponentObject {
        ComponentObject(
            .vmService, identity: "\(machine.id)/service/\(number)", displayName: "\(machine.name) service \(number)", machine: machine,
            read: {
                let all = try services(of: machine)
                guard number < all.count else {
                    throw ErrorRecord(
                        "\(machine.name) has no such service any more.", "VMServiceNotFound", .objectNotFound, target: machine.name)
                }
                return all[number]
            })
    }

    static func services(of machine: VirtualMachine) throws -> [Record] {
        guard let (worker, others) = try machine.serviceProcesses() else { return [] }
        func record(_ kind: String, _ name: String, _ process: Int32?, _ more: [(name: String, value: Value)]) -> Record {
            var fields: [(name: String, value: Value)] = [
                ("VMName", .string(machine.name)), ("Kind", .string(kind)), ("Name", .string(name)),
                ("ProcessId", process.map { .count($0) } ?? .null),
            ]
            fields += more
            fields.append(("VMId", .string(machine.id.description)))
            return Record(fields)
        }
        let first = record(
            "Worker", machine.name, worker,
            [("RestartCount", .count(0)), ("LastRestart", .null), ("Requests", .null), ("SystemCalls", .null)])
        return [first]
            + others.map { one in
                record(
                    "Disk", one.name, one.processId,
                    [
                        ("RestartCount", .count(one.restarts)),
                        ("LastRestart", one.restarts > 0 ? .span(nanoseconds: one.lastRestartNanoseconds) : .null),
                        ("Requests", .count(one.exchanges)), ("SystemCalls", one.systemCalls.map { .count($0) } ?? .null),
                    ])
            }
    }
}

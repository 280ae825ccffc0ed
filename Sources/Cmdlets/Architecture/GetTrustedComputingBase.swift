import Basics
import Management
import Persistence
import Storage

extension Cmdlet {
    /// `Get-TrustedComputingBase`.
    static let getTrustedComputingBase = Cmdlet(
        "Get", "TrustedComputingBase", synopsis: "Lists the code that a guest's isolation rests on, by architecture and process.",
        details:
            "One object for each kind of process: its modules, their lines (neither blank nor comments alone), what code in it could reach, and what the host lets it do. With a running machine, one for each of its processes, with what the host says of it now: its open descriptors and whether system calls are filtered. Libraries of the system and the language's runtime are not counted; about_Architectures explains the terms.",
        sets: [
            .init("Architecture", isDefault: true, shape: .many), .init("VMName", shape: .many), .init("VMObject", shape: .many),
        ],
        parameters: [
            Parameter(
                "Architecture", .enumeration("Architecture", Architecture.allCases.map(\.rawValue)), "Of these only.",
                sets: ["Architecture"], position: 0, many: true),
            .partVMName(mandatory: true), .vm(),
        ],
        output: "TrustedPart",
        examples: [
            Example("Get-TrustedComputingBase Microkernel", "What the default architecture trusts."),
            Example("Get-TrustedComputingBase | Sort-Object Lines", "All architectures' processes, the smallest first."),
        ],
        ours: true,
        body: .perCall { invocation in
            guard let machines = try invocation.givenMachines("VMName", "VM") else {
                let wanted = invocation.list("Architecture")?.compactMap { Architecture(rawValue: $0.text) } ?? Architecture.allCases
                for architecture in wanted {
                    for part in TrustedPart.parts(of: architecture) { try invocation.emit(part.object(architecture, nil)) }
                }
                return
            }
            for machine in machines {
                let architecture = try machine.configuration().architecture ?? .microkernel
                let parts = TrustedPart.parts(of: architecture)
                for process in try machine.trustedProcesses() {
                    guard let part = process.isWorker ? parts.first : parts.first(where: { $0.process == .diskService }) else { continue }
                    try invocation.emit(part.object(architecture, (machine, process.id)))
                }
            }
        })
}

extension TrustedPart {
    fileprivate func object(_ architecture: Architecture, _ live: (machine: VirtualMachine, process: Int32)?) -> Value {
        var fields: [(name: String, value: Value)] = [
            ("Architecture", .string(architecture.rawValue)), ("Process", .string(process.rawValue)), ("Number", .string(number)),
            ("Lines", .integer(Int64(lines))), ("Modules", .list(modules.sorted().map { .string($0) })), ("Reach", .string(reach)),
            ("Privileges", .string(privileges)),
            ("SystemCalls", process == .diskService ? .list(DiskServiceConfinement.allowedCalls.map { .string($0) }) : .null),
        ]
        if let live {
            let facts = ProcessFacts(live.process)
            fields += [
                ("VMName", .string(live.machine.name)), ("ProcessId", .integer(Int64(live.process))),
                ("Descriptors", facts.descriptors.map { .integer(Int64($0)) } ?? .null),
                ("IsFiltered", facts.isFiltered.map { .boolean($0) } ?? .null),
            ]
        }
        return .record(Record(typeName: "TrustedPart", fields))
    }
}

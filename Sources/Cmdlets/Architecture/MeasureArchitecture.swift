import Basics
import Management
import Persistence
import WorkerProtocol

extension Cmdlet {
    /// `Measure-Architecture`.
    static let measureArchitecture = Cmdlet(
        "Measure", "Architecture",
        synopsis: "Counts how often work goes from one part of a machine to another, or compares architectures by that.",
        details:
            "With a machine: what was counted since its worker started. With a kernel and a ramdisk, as Scripts/guest-image makes them: a guest is booted under each architecture in turn and does the same work with its disk, its network and its timer; one object for each architecture and work tells latency, processor time, crossings and system calls of one piece of work, and latency and processor time as multiples of the first architecture's. The guest's shell must be at its console (“guest# ”) and know dd, ping, usleep and ip. System calls are those of the services' threads and of disk images, not those of the engine, the clocks and switches. With the architecture TrapAndEmulate, Privileged counts the guest's privileged instructions by kind. about_Architectures explains the terms.",
        sets: [
            .init("Name", isDefault: true, shape: .oneIfSingle(["Name", "VM"])), .init("VMObject", shape: .oneIfSingle(["Name", "VM"])),
            .init("Compare", shape: .many),
        ],
        parameters: [
            .vmName(), .vm(),
            Parameter("KernelPath", .path, "The kernel that is booted under each.", sets: ["Compare"], mandatory: true),
            Parameter("InitialRamdiskPath", .path, "Its ramdisk.", sets: ["Compare"], mandatory: true),
            Parameter(
                "Architecture", .enumeration("Architecture", Architecture.allCases.map(\.rawValue)),
                "What is compared, with the first; all unless given.", sets: ["Compare"], many: true),
            Parameter(
                "Requests", .integer(32...1_000_000), "Disk requests of each kind; 2000 unless given. Of network and timer a tenth.",
                sets: ["Compare"]),
        ],
        output: "ArchitectureMeasurement",
        examples: [
            Example("Measure-Architecture web01", "The crossings of web01 since its start."),
            Example("Get-VM | Where-Object State -eq Running | Measure-Architecture", "Of all machines that run."),
        ],
        ours: true,
        body: .perCall { invocation in
            if invocation.isGiven("KernelPath") { return try compare(invocation) }
            for (machine, _) in try invocation.machines(["Name", "VM"]) {
                do { try invocation.emit(totals(of: machine)) } catch { try invocation.report(error) }
            }
        })

    /// What one machine's worker has counted.
    private static func totals(of machine: VirtualMachine) throws -> Value {
        guard let partition = try machine.partitions().first else {
            throw ErrorRecord(
                "\(machine.name) has nothing to measure: it is not running.", "VMNotRunning", .invalidOperation, target: machine.name,
                action: "Start-VM \(machine.name), then measure.", cmdlet: "Measure-Architecture")
        }
        guard let crossings = partition.crossings else {
            throw ErrorRecord(
                "The worker of \(machine.name) tells no crossings: it does not answer, or it is of an older version.",
                "CrossingsUnknown", .invalidOperation, target: machine.name,
                action: "Try again; an older worker ends when the machine is turned off.", cmdlet: "Measure-Architecture")
        }
        let disks = try machine.guestInformation()?.disks ?? []
        let requests = disks.reduce(UInt64(0)) { $0 &+ $1.readOperations &+ $1.writeOperations &+ $1.flushes }
        let architecture = try machine.configuration().architecture ?? .microkernel
        var record = Record(
            typeName: "ArchitectureMeasurement",
            [
                ("VMName", .string(machine.name)), ("Architecture", .string(architecture.rawValue)), ("DiskRequests", .count(requests)),
            ] + crossings.map { ($0.kind, .count($0.count)) }
                + [("Intercepts", .record(Record(partition.intercepts.map { ($0.kind, .count($0.count)) })))])
        if let privileged = partition.privileged {
            record["Privileged"] = .record(Record(privileged.map { ($0.kind, .count($0.count)) }))
        }
        return .record(record)
    }

    /// One object for each architecture and work.
    private static func compare(_ invocation: any Invocation) throws {
        let wanted = invocation.list("Architecture")?.compactMap { Architecture(rawValue: $0.text) } ?? Architecture.allCases
        let comparison = ArchitectureComparison(
            host: invocation.context.host, kernel: invocation.string("KernelPath") ?? "",
            ramdisk: invocation.string("InitialRamdiskPath") ?? "", count: Int(invocation.integer("Requests") ?? 2000))
        var first: [ArchitectureComparison.Work: ArchitectureComparison.Finding] = [:]
        func isCancelled() -> Bool { (try? invocation.checkCancelled()) == nil }
        try comparison.run(wanted, isCancelled: isCancelled) { finding in
            let base = first[finding.work] ?? finding
            first[finding.work] = base
            try invocation.emit(.record(record(finding, base)))
        }
    }

    private static func record(_ finding: ArchitectureComparison.Finding, _ base: ArchitectureComparison.Finding) -> Record {
        func each(_ count: UInt64) -> Value { .number((Double(count) / Double(finding.count) * 1000).rounded() / 1000) }
        func times(_ value: UInt64, _ other: UInt64) -> Value {
            other == 0 ? .null : .number((Double(value) / Double(other) * 100).rounded() / 100)
        }
        let fields: [(name: String, value: Value)] = [
            ("Architecture", .string(finding.architecture.rawValue)), ("Work", .string(finding.work.rawValue)),
            ("Count", .integer(Int64(finding.count))),
            ("Latency", .span(nanoseconds: finding.nanoseconds / UInt64(finding.count))),
            ("CpuTime", .span(nanoseconds: finding.processorNanoseconds / UInt64(finding.count))),
            ("RelativeLatency", times(finding.nanoseconds, base.nanoseconds)),
            ("RelativeCpuTime", times(finding.processorNanoseconds, base.processorNanoseconds)),
        ]
        return Record(
            typeName: "ArchitectureComparison",
            fields + finding.crossings.map { ($0.kind, each($0.count)) } + [
                ("Memory", .count(finding.memoryBytes)),
                ("Intercepts", .record(Record(finding.intercepts.map { ($0.kind, each($0.count)) }))),
            ])
    }
}

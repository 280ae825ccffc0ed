import Basics
import Management
import Persistence

extension Cmdlet {
    /// `Measure-VM`.
    static let measureVM = Cmdlet(
        "Measure", "VM", synopsis: "Shows what virtual machines used since metering was enabled or reset.",
        details:
            "Averages are over the time that the machine ran. A running machine is looked at once a second: what it used in its last second is not counted, and after a crash of its worker what came after the last writing (Set-VMHost -ResourceMeteringSaveInterval) is missing.",
        departures: [
            "AverageProcessorUsage counts the host processor's megahertz as its kernel tells them.",
            "Network traffic is the adapters' own, in and out; it does not need access rules that meter.",
            "Latency is not measured.",
        ],
        sets: [
            .init("Name", isDefault: true, shape: .oneIfSingle(["Name", "VM"])), .init("VMObject", shape: .oneIfSingle(["Name", "VM"])),
        ],
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: ["Name"]), output: "VMMeteringReportForVirtualMachine",
        examples: [
            Example("Measure-VM web01", "Processor, memory, disk and network use of web01."),
            Example("Get-VM | Where-Object ResourceMeteringEnabled | Measure-VM", "Of all machines that are metered."),
        ],
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            try invocation.emit(.record(try UsageReport(machine).record))
        })
}

/// What a machine used, in the module's units.
struct UsageReport {
    let machine: VirtualMachine
    let usage: UsageRecord
    /// Virtual sizes of its hard disks by place.
    private let sizes: [(place: VirtualMachineConfiguration.PlacedDrive, size: UInt64)]

    init(_ machine: VirtualMachine) throws {
        self.machine = machine
        usage = try machine.usage()
        sizes = try machine.configuration().drives.filter { $0.drive.kind == .hardDisk }.map { placed in
            let parents = placed.drive.allowedParents ?? []
            let size = placed.drive.path.flatMap { path in
                try? machine.host.withDisks(allowedParents: parents, progress: { _ in true }) { try $0.information(path).size }
            }
            return (placed, size ?? 0)
        }
    }

    private var seconds: Double { Double(usage.runningNanoseconds) / 1e9 }

    /// nil as long as it has not run.
    private func average(_ total: Double) -> Value { seconds > 0 ? .count(UInt64(max(0, total / seconds))) : .null }

    private static func megabytes(_ bytes: UInt64) -> Value { .count(bytes >> 20) }

    /// Operations of up to 8 KiB count once, longer ones once for each 8 KiB.
    private static func normalized(_ disk: UsageRecord.Disk) -> UInt64 {
        max(disk.readOperations, disk.readBytes >> 13) + max(disk.writeOperations, disk.writtenBytes >> 13)
    }

    var record: Record {
        Record(
            typeName: "VMMeteringReportForVirtualMachine",
            [("VMId", .string(machine.id.description)), ("VMName", .string(machine.name)), ("ComputerName", .string(LocalHost.name))]
                + figures + [("HardDiskMetrics", .list(sizes.map { .record(metrics(of: $0.place, size: $0.size)) }))])
    }

    /// What reports of machines and of pools have in common.
    var figures: [(name: String, value: Value)] {
        let megahertz = machine.host.information().processorMegahertz
        let processor = seconds > 0 ? Double(usage.processorNanoseconds) / 1e9 / seconds * megahertz : 0
        let operations = usage.disks.reduce(0) { $0 + Self.normalized($1) }
        func sum(_ part: (UsageRecord.Adapter) -> UInt64) -> UInt64 { usage.adapters.reduce(0) { $0 + part($1) } }
        let traffic: [Value] = [("Inbound", sum(\.receivedBytes)), ("Outbound", sum(\.sentBytes))].map { direction, bytes in
            .record(
                Record(
                    typeName: "VMPortAclMeteringReport",
                    [
                        ("LocalAddress", .string("")), ("RemoteAddress", .string("*.*")), ("Direction", .string(direction)),
                        ("TotalTraffic", Self.megabytes(bytes)),
                    ]))
        }
        return [
            ("MeteringDuration", .span(nanoseconds: usage.runningNanoseconds)),
            ("AverageProcessorUsage", seconds > 0 ? .count(UInt64(processor)) : .null),
            ("AverageMemoryUsage", average(usage.memoryByteSeconds / Double(1 << 20))),
            ("MaximumMemoryUsage", usage.memoryMaximum.map(Self.megabytes) ?? .null),
            ("MinimumMemoryUsage", usage.memoryMinimum.map(Self.megabytes) ?? .null),
            ("TotalDiskAllocation", Self.megabytes(sizes.reduce(0) { $0 + $1.size })),
            ("AggregatedAverageNormalizedIOPS", average(Double(operations))), ("AggregatedAverageLatency", .null),
            ("AggregatedDiskDataRead", Self.megabytes(usage.disks.reduce(0) { $0 + $1.readBytes })),
            ("AggregatedDiskDataWritten", Self.megabytes(usage.disks.reduce(0) { $0 + $1.writtenBytes })),
            ("AggregatedNormalizedIOCount", .count(operations)), ("NetworkMeteredTrafficReport", .list(traffic)),
        ]
    }

    private func metrics(of placed: VirtualMachineConfiguration.PlacedDrive, size: UInt64) -> Record {
        let used =
            usage.disks.first { $0.controller == placed.controller && $0.location == placed.drive.location }
            ?? UsageRecord.Disk(controller: placed.controller, location: placed.drive.location)
        return Record(
            typeName: "VHDMetrics",
            [
                ("VirtualHardDisk", .object(DriveObject(machine, placed))),
                ("AverageNormalizedIOPS", average(Double(Self.normalized(used)))),
                ("AverageLatency", .null), ("DataRead", Self.megabytes(used.readBytes)), ("DataWritten", Self.megabytes(used.writtenBytes)),
                ("NormalizedIOCount", .count(Self.normalized(used))), ("TotalDiskAllocation", Self.megabytes(size)),
            ])
    }
}

import Basics
import Management
import WorkerProtocol

/// A partition as scripts see it: read anew each time; one that is gone keeps what was read last, in the state Deleted.
final class PartitionObject: LiveObject {
    private let host: VirtualMachineHost
    private let last: PartitionInformation

    init(_ information: PartitionInformation, _ host: VirtualMachineHost) { (last, self.host) = (information, host) }

    var type: ObjectType { Self.objectType }
    var identity: String { "\(last.id)/\(last.virtualMachineId ?? "root")" }
    var displayName: String { last.name }

    func snapshot() throws -> Record { Self.record(try host.partitions().first { isSame($0) } ?? gone) }

    func snapshots(of objects: [any LiveObject]) -> [Result<Record, any Error>] {
        let now = Result { try host.partitions() }
        return objects.map { object in
            now.map { all in
                guard let partition = object as? PartitionObject else { return Record() }
                return Self.record(all.first { partition.isSame($0) } ?? partition.gone)
            }
        }
    }

    private func isSame(_ other: PartitionInformation) -> Bool { other.id == last.id && other.virtualMachineId == last.virtualMachineId }

    private var gone: PartitionInformation {
        var information = last
        information.state = "Deleted"
        return information
    }

    private static func record(_ information: PartitionInformation) -> Record {
        Record(
            typeName: "Partition",
            [
                ("Id", .count(information.id)), ("ParentId", information.parentId.map { .count($0) } ?? .null),
                ("Name", .string(information.name)), ("State", .string(information.state)),
                ("VirtualProcessorCount", .count(information.virtualProcessorCount)), ("Memory", .count(information.memoryBytes)),
                ("Hypercalls", .count(information.hypercalls)),
                ("InterceptCount", .count(information.intercepts.reduce(UInt64(0)) { $0 &+ $1.count })),
                ("Intercepts", .record(Record(information.intercepts.map { ($0.kind, .count($0.count)) }))),
                ("RunTime", .span(nanoseconds: information.runTimeNanoseconds / 1_000_000 * 1_000_000)),
                ("Privileges", .list(PartitionPrivilege.names(in: information.privilegeMask).map { .string($0) })),
                ("PrivilegeMask", .string("0x" + String(information.privilegeMask, radix: 16))),
                ("VMId", information.virtualMachineId.map { .string($0) } ?? .null),
                ("WorkerProcessId", information.workerProcessId.map { .count($0) } ?? .null),
            ])
    }

    static let objectType = ObjectType(
        name: "Partition",
        properties: [
            .init("Id", "UInt64", "Partition identifier; the root is 1."),
            .init("ParentId", "UInt64", "The partition it is a child of; nil for the root."),
            .init("Name", "String", "Root, or the virtual machine's name."),
            .init("State", "String", "Active, Suspended, Finalizing, Unreachable or Deleted."),
            .init("VirtualProcessorCount", "Int32", "Number of virtual processors."),
            .init("Memory", "Int64", "Bytes of guest memory."),
            .init("Hypercalls", "UInt64", "Hypercalls made, refused ones included."),
            .init("InterceptCount", "UInt64", "Intercepts of all kinds together."),
            .init("Intercepts", "Hashtable", "Intercepts by kind."),
            .init("RunTime", "TimeSpan", "Time its virtual processors ran, summed over them."),
            .init("Privileges", "String[]", "Names of the privileges it has."),
            .init("PrivilegeMask", "String", "HV_PARTITION_PRIVILEGE_MASK in hexadecimal."),
            .init("VMId", "Guid", "Identifier of its virtual machine; nil for the root."),
            .init("WorkerProcessId", "Int32", "Process that hosts it."),
        ])
}

/// Names of the bits of HV_PARTITION_PRIVILEGE_MASK (TLFS, "Partition Privilege Flags").
enum PartitionPrivilege {
    private static let bits: [(bit: Int, name: String)] = [
        (0, "AccessVpRunTimeReg"), (1, "AccessPartitionReferenceCounter"), (2, "AccessSynicRegs"), (3, "AccessSyntheticTimerRegs"),
        (4, "AccessIntrCtrlRegs"), (5, "AccessHypercallMsrs"), (6, "AccessVpIndex"), (7, "AccessResetReg"), (8, "AccessStatsReg"),
        (9, "AccessPartitionReferenceTsc"), (10, "AccessGuestIdleReg"), (11, "AccessFrequencyRegs"), (12, "AccessDebugRegs"),
        (13, "AccessReenlightenmentControls"), (32, "CreatePartitions"), (33, "AccessPartitionId"), (34, "AccessMemoryPool"),
        (36, "PostMessages"), (37, "SignalEvents"), (38, "CreatePort"), (39, "ConnectPort"), (40, "AccessStats"), (43, "Debugging"),
        (44, "CpuManagement"), (48, "AccessVSM"), (49, "AccessVpRegisters"), (52, "EnableExtendedHypercalls"),
        (53, "StartVirtualProcessor"),
    ]

    static func names(in mask: UInt64) -> [String] {
        (0..<64).compactMap { bit in
            guard mask >> UInt64(bit) & 1 == 1 else { return nil }
            return bits.first { $0.bit == bit }?.name ?? "Bit\(bit)"
        }
    }
}

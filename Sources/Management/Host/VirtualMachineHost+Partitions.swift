import Basics
import Glibc
import WorkerProtocol

extension VirtualMachineHost {
    /// The store's partitions, the root first. All workers are asked at once; one that does not answer within a second is listed as
    /// `Unreachable`. `id` and `machines` narrow the list; the root belongs to no VM.
    public func partitions(id: UInt64? = nil, of machines: [VirtualMachine]? = nil) throws -> [PartitionInformation] {
        let asked = try id == 1 || machines == nil ? self.machines() : machines ?? []
        let answers = ConcurrentWork.map(asked) { machine in (try? machine.allPartitions()) ?? [] }.flatMap { $0 }
        var partitions = answers.filter { $0.id != 1 }.sorted { $0.id < $1.id }
        if machines == nil { partitions.insert(root(summing: answers.filter { $0.id == 1 }), at: 0) }
        return id.map { id in partitions.filter { $0.id == id } } ?? partitions
    }

    /// One root for the whole store: the host's processors and memory, and the sum of what the workers' roots did.
    private func root(summing parts: [PartitionInformation]) -> PartitionInformation {
        let host = information()
        var root = PartitionInformation(
            id: 1, parentId: nil, name: "Root", state: "Active", privilegeMask: Self.rootPrivileges,
            virtualProcessorCount: host.logicalProcessorCount, memoryBytes: host.memoryCapacity)
        var intercepts: [String: UInt64] = [:]
        for part in parts {
            root.hypercalls += part.hypercalls
            root.runTimeNanoseconds += part.runTimeNanoseconds
            for counter in part.intercepts { intercepts[counter.kind, default: 0] += counter.count }
        }
        root.intercepts = intercepts.sorted { $0.key < $1.key }.map { .init(kind: $0.key, count: $0.value) }
        return root
    }

    /// Every privilege that exists here (TLFS, "Partition Privilege Flags"): a child's, and CreatePartitions, AccessPartitionId, CreatePort,
    /// ConnectPort, CpuManagement, AccessVpRegisters. The root is listed where no hypervisor runs to ask, too.
    private static let rootPrivileges: UInt64 = 0x0002_10f3_0000_0eff
}

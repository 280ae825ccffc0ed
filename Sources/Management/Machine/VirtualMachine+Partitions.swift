import WorkerProtocol

extension VirtualMachine {
    /// The VM's virtual processors, with their registers if asked for; none when it is off.
    public func virtualProcessors(registers: Bool = false) throws -> [VirtualProcessorInformation] {
        try askIfRunning(ProcessorsRequest(registers: registers), seconds: registers ? 5 : Self.patience) ?? []
    }

    /// The VM's child partition; none when it is off, and one that is `Unreachable` when its worker does not answer.
    public func partitions() throws -> [PartitionInformation] { try allPartitions().filter { $0.id != 1 } }

    /// What the worker knows: its child, and the root's counters as far as they concern it.
    func allPartitions() throws -> [PartitionInformation] {
        do {
            return try askIfRunning(PartitionsRequest()) ?? []
        } catch let error as ManagementError where error.identifier == "WorkerNotResponding" {
            let record = try files().folder.readRunRecord()
            let configuration = try? configuration()
            return [
                PartitionInformation(
                    id: record?.partitionId ?? 0, parentId: 1, name: name, virtualMachineId: id.description, state: "Unreachable",
                    virtualProcessorCount: configuration?.processor.count ?? 0, memoryBytes: record?.memoryAssigned ?? 0,
                    workerProcessId: record?.processId)
            ]
        }
    }
}

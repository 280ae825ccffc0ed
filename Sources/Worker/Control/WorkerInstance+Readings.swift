import Basics
import Glibc
import Persistence
import WorkerProtocol

/// What the worker says of its VM.
extension WorkerInstance {
    /// Looks into the machine, which may take as long as a device of it is busy.
    func status() -> WorkerStatus {
        let now = HostTime.monotonic()
        let (machine, cached) = phase.withLock { ($0.machine, $0.reading) }
        var reading = MachineReading(uptimeNanoseconds: 0, cpuUsage: 0, memoryAssigned: 0, engine: "")
        if let machine {
            reading = machine.reading()
            // Usage counts from the reading before; two readings in quick succession would say nothing.
            if let cached, now - cached.taken < 500_000_000 {
                reading.cpuUsage = cached.value.cpuUsage
            } else {
                let taken = reading
                phase.withLock { $0.reading = (now, taken) }
            }
        }
        var status = WorkerStatus(
            state: state, uptimeNanoseconds: reading.uptimeNanoseconds, cpuUsage: reading.cpuUsage, memoryAssigned: reading.memoryAssigned,
            processId: getpid(), partitionId: options.partitionId, startTime: claim.withLock { $0?.startTime } ?? 0, engine: reading.engine,
            guest: guestInformation().map { GuestSummary($0) })
        status.activity = mergingText
        status.services = reading.services.isEmpty ? nil : reading.services
        phase.withLock { $0.status = status }
        return status
    }

    /// The state now, all else as it was said last: for when a device of the machine keeps a look at it waiting.
    func lastStatus() -> WorkerStatus {
        var status =
            phase.withLock { $0.status }
            ?? WorkerStatus(
                state: state, uptimeNanoseconds: 0, cpuUsage: 0, memoryAssigned: 0, processId: getpid(), partitionId: options.partitionId,
                startTime: claim.withLock { $0?.startTime } ?? 0, engine: "", guest: nil)
        (status.state, status.activity) = (state, mergingText)
        return status
    }

    func partitions() -> [WorkerProtocol.PartitionInformation] {
        guard let machine = phase.withLock({ $0.machine }) else { return [] }
        return machine.partitionReadings().map { reading in
            var partition = reading
            partition.workerProcessId = getpid()
            guard partition.id != 1 else { return partition }
            partition.id = options.partitionId
            partition.parentId = 1
            partition.name = name.withLock { $0 }
            partition.virtualMachineId = options.virtualMachineId.description
            return partition
        }
    }

    func processors(registers: Bool) throws -> [WorkerProtocol.VirtualProcessorInformation] {
        try phase.withLock { $0.machine }?.processorReadings(registers: registers) ?? []
    }

    /// A worker whose folder has been deleted ends: nobody could reach it any more.
    func checkFolder() {
        guard let lock = claim.withLock({ $0?.lock }), !folder.folder.file.hasName || !lock.hasName else { return }
        WorkerOutput.write("the VM's folder was deleted")
        actions.close()
        close(final: .off)
        server?.stop()
    }
}

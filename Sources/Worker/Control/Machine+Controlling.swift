import Boot
import Glibc
import Persistence
import Processor
import WorkerProtocol

/// `Machine` behind the control side's protocol, and how one is assembled from what a starter handed over.
enum MachineAssembly {
    @Sendable
    static func assemble(_ request: MachineRequest, _ delegate: any MachineDelegate) throws -> any MachineControlling {
        func bootFile(_ descriptor: Int32, _ name: String?, _ fallback: String) throws -> any BootFile {
            // A copy, because the machine owns what it is given and the worker's own outlives it.
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else {
                throw WorkerError("WorkerFailed", .resourceUnavailable, "Too many open files: \(SystemMessage.text(errno)).")
            }
            return try DescriptorBootFile(descriptor: copy, name: name ?? fallback)
        }
        let firmware = request.configuration.firmware
        let boot = MachineBoot(
            kernel: try bootFile(request.kernel, firmware.kernelPath, "kernel"),
            ramdisk: try request.initialRamdisk.map { try bootFile($0, firmware.initialRamdiskPath, "initial ramdisk") },
            arguments: firmware.kernelArguments ?? "")
        var options = MachineOptions()
        options.partitionID = request.partitionId
        return try Machine(configuration: request.configuration, boot: boot, options: options, delegate: delegate)
    }
}

extension Machine: MachineControlling {
    package func reading() -> MachineReading {
        let status = status()
        return MachineReading(
            uptimeNanoseconds: status.uptime, cpuUsage: status.cpuUsage, memoryAssigned: status.memoryAssigned, engine: status.engine)
    }

    package func partitionReadings() -> [WorkerProtocol.PartitionInformation] {
        let child = partition()
        return [
            WorkerProtocol.PartitionInformation(
                id: child.id, parentId: child.parentID, name: "", state: child.state, privilegeMask: child.privileges,
                virtualProcessorCount: child.virtualProcessors, memoryBytes: child.memory, hypercalls: child.hypercalls,
                intercepts: child.intercepts.map { .init(kind: $0.kind, count: $0.count) }, runTimeNanoseconds: child.runTime)
        ]
    }

    package func processorReadings(registers: Bool) -> [WorkerProtocol.VirtualProcessorInformation] {
        virtualProcessors(registers: registers).map { processor in
            WorkerProtocol.VirtualProcessorInformation(
                index: processor.index, runState: processor.runState, instructionsRetired: processor.instructionsRetired,
                runTimeNanoseconds: processor.runTime, registers: processor.registers.map(RegisterListing.list))
        }
    }
}

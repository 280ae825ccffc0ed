import Basics
import Boot
import Glibc
import Persistence
import Processor
import WorkerProtocol

/// `Machine` behind the control side's protocol, and how one is assembled from what a starter handed over.
enum MachineAssembly {
    @Sendable
    static func assemble(_ request: MachineRequest, _ delegate: any MachineDelegate) throws -> any MachineControlling {
        try HostMemory().check(request.configuration.memory.startupBytes, for: request.configuration.name)
        func bootFile(_ descriptor: Int32, _ name: String?, _ fallback: String) throws -> any BootFile {
            // A copy, because the machine owns what it is given and the worker's own outlives it.
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else {
                throw WorkerError("WorkerFailed", .resourceUnavailable, "Too many open files: \(SystemMessage.text(errno)).")
            }
            return try DescriptorBootFile(descriptor: copy, name: name ?? fallback)
        }
        let firmware = request.configuration.firmware
        let boot = DirectBoot(
            kernel: try bootFile(request.kernel, firmware.kernelPath, "kernel"),
            ramdisk: try request.initialRamdisk.map { try bootFile($0, firmware.initialRamdiskPath, "initial ramdisk") },
            arguments: firmware.kernelArguments ?? "")
        var options = MachineOptions()
        options.partitionID = request.partitionId
        options.folder = request.folder
        return try Machine(
            configuration: request.configuration, boot: boot, devices: request.devices, options: options, delegate: delegate)
    }
}

extension WorkerMain {
    /// `arguments`: the VM's name, for the process list, and the options as JSON. Returns the exit code when the VM has stopped.
    package static func run(arguments: [String]) -> Int32 { run(arguments: arguments, assemble: MachineAssembly.assemble) }

    /// Does beside the making of the first machine what its first instruction would wait for.
    static func workAhead() { HostThread.startDetached(name: "ahead") { prepareInstructionTable() } }
}

extension Machine: MachineControlling {
    package func reading() -> MachineReading {
        let status = status()
        var reading = MachineReading(
            uptimeNanoseconds: status.uptime, cpuUsage: status.cpuUsage, memoryAssigned: status.memoryAssigned, engine: status.engine)
        reading.services = stack.disks.services
        return reading
    }

    package func partitionReadings() -> [WorkerProtocol.PartitionInformation] {
        let root = hypervisor.root.information
        let parent = WorkerProtocol.PartitionInformation(
            id: root.id, parentId: nil, name: "Root", state: root.state.rawValue, privilegeMask: root.privileges.rawValue,
            hypercalls: root.hypercalls.reduce(0) { $0 &+ $1.count },
            intercepts: root.intercepts.map { .init(kind: $0.kind.rawValue, count: $0.count) },
            runTimeNanoseconds: root.runTimeNanoseconds)
        return [parent, partitionInformation()]
    }

    package func processorReadings(registers: Bool) throws -> [WorkerProtocol.VirtualProcessorInformation] {
        try virtualProcessors(registers: registers)
    }

    package func save(to descriptor: Int32, buildsOnLast: Bool) throws -> Bool {
        let last = buildsOnLast ? imageIdentity.map { MemoryImageReference(name: "the checkpoint before", identity: $0) } : nil
        return try !save(to: descriptor, parent: last).isEmpty
    }

    package func restore(from descriptor: Int32, buildingOn ancestors: [Int32], goesAway: Bool) throws {
        try restore(from: descriptor, parents: ancestors, goesAway: goesAway)
    }

    /// As asked for by the control side; tests start paused.
    package func start() throws { try start(paused: false) }
}

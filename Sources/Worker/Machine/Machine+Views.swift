import Basics
import DeviceModel
import HypervisorCore
import Processor
import WorkerProtocol

#if canImport(Glibc)
    import Glibc
#endif

/// Processors of the host that this process may see.
func hostProcessorCount() -> Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

/// What others may ask at any time, and input from outside.
extension Machine {
    /// The last look at the host time that VP threads used.
    struct Usage {
        var host: UInt64 = 0
        var processors: UInt64 = 0
    }

    package func status() -> MachineStatus {
        let now = HostTime.monotonic()
        let used = scheduler.processorTime
        let percent = usage.withLock { last -> Int in
            defer { last = Usage(host: now, processors: used) }
            guard last.host > 0, now > last.host, used >= last.processors else { return 0 }
            return min(100, Int((used - last.processors) * 100 / ((now - last.host) * UInt64(hostProcessorCount()))))
        }
        let state = state
        let time = clock.nanoseconds
        return MachineStatus(
            state: state, uptime: state == .off ? 0 : time - min(startedAt, time), instructions: scheduler.instructions,
            cpuUsage: percent, memoryAssigned: state == .off ? 0 : stack.assignedMemory, engine: engineName)
    }

    /// Timers that devices hold.
    package var timerCount: Int { timerService.count }

    /// The child partition as the hypervisor knows it.
    package func partitionInformation() -> WorkerProtocol.PartitionInformation {
        let information = partition.information
        return WorkerProtocol.PartitionInformation(
            id: information.id, parentId: information.parentID, name: information.name,
            virtualMachineId: configuration.id.description, state: information.state.rawValue,
            privilegeMask: information.privileges.rawValue, virtualProcessorCount: information.virtualProcessors,
            memoryBytes: information.memoryBytes, hypercalls: information.hypercalls.reduce(0) { $0 &+ $1.count },
            intercepts: information.intercepts.map { .init(kind: $0.kind.rawValue, count: $0.count) },
            runTimeNanoseconds: information.runTimeNanoseconds, workerProcessId: getpid(),
            crossings: crossings(information.intercepts.map { ($0.kind, $0.count) }),
            privileged: information.privileged?.map { .init(kind: $0.kind.rawValue, count: $0.count) })
    }

    /// Crossings by kind. Emulated devices are the parent's, so each access to one goes there. In `Monolithic` the same calls are made; that
    /// they lead from one part of the hypervisor to another is what is different.
    private func crossings(_ intercepts: [(kind: InterceptKind, count: UInt64)]) -> [WorkerProtocol.PartitionInformation.Counter] {
        let counted = stack.world.crossings
        let accesses = intercepts.reduce(0) { $1.kind == .ioPort || $1.kind == .memory ? $0 &+ $1.count : $0 }
        let services = stack.disks.services
        return [
            .init(kind: "GuestToHypervisor", count: intercepts.reduce(0) { $0 &+ $1.count }),
            .init(kind: "HypervisorToParent", count: accesses &+ counted.ports),
            .init(kind: "ParentToHypervisor", count: counted.root),
            .init(kind: "ServedInExit", count: counted.served), .init(kind: "HandedToThread", count: counted.handed),
            .init(kind: "ProcessToProcess", count: services.reduce(0) { $0 &+ ($1.messages ?? 0) }),
            .init(kind: "SystemCalls", count: counted.systemCalls),
            .init(kind: "ServiceSystemCalls", count: services.reduce(0) { $0 &+ ($1.systemCalls ?? 0) }),
        ]
    }

    /// The virtual processors; with registers they are stopped for a moment.
    package func virtualProcessors(registers: Bool) throws(MachineError) -> [WorkerProtocol.VirtualProcessorInformation] {
        try exclusively { () throws(MachineError) in
            let wasRunning = registers && state == .running
            if wasRunning { try stand(orBackTo: .running) }
            let stands = state != .running
            let result = partition.processors.map { processor in
                let information = processor.information(registers: registers)
                return WorkerProtocol.VirtualProcessorInformation(
                    index: information.index, runState: stands ? "Suspended" : runStateName(processor.runState),
                    instructionsRetired: information.instructionsRetired, runTimeNanoseconds: information.runTimeNanoseconds,
                    registers: information.registers.map(RegisterList.registers),
                    counters: information.counters.map {
                        [
                            .init(name: "BlocksDecoded", value: $0.blocksDecoded),
                            .init(name: "BlocksInvalidated", value: $0.blocksInvalidated),
                            .init(name: "BlocksTranslated", value: $0.blocksTranslated),
                            .init(name: "BytesOfBlocks", value: $0.blockBytes), .init(name: "BytesOfCode", value: $0.codeBytes),
                            .init(name: "CodeResets", value: $0.codeResets), .init(name: "Exceptions", value: $0.exceptions),
                            .init(name: "ExitsAccess", value: $0.accessExits), .init(name: "ExitsFill", value: $0.fillExits),
                            .init(name: "ExitsInstruction", value: $0.instructionExits), .init(name: "ExitsJump", value: $0.jumpExits),
                            .init(name: "ExitsLimit", value: $0.limitExits), .init(name: "ExitsRegisters", value: $0.registerExits),
                            .init(name: "Interrupts", value: $0.interrupts),
                            .init(name: "TLBMisses", value: $0.tlbMisses),
                        ]
                    })
            }
            if wasRunning { runAll() }
            return result
        }
    }

    private func runStateName(_ state: VirtualProcessor.RunState) -> String {
        switch state {
        case .running: "Running"
        case .halted, .guestIdle: "Halted"
        case .waitForSIPI: "WaitingForStartup"
        }
    }

    /// Types into COM`port` (1 or 2). Takes what fits into the port's queue and returns how many bytes that was; offer the rest later.
    package func sendConsole(port: Int, _ bytes: [UInt8]) throws(MachineError) -> Int {
        guard devices.serialPorts.indices.contains(port - 1) else { throw MachineError(.port, detail: "\(port)") }
        let state = state
        try require(state.hasWorker, "it is \(state.rawValue), not Running")
        let device = devices.serialPorts[port - 1]
        var taken = 0
        scheduler.perform { [bus, announcer] count in
            taken = bus.withLock { device.receive(bytes) }
            if let count, taken > 0 { announcer.input(MachineInput(count: count, port: port, bytes: Array(bytes.prefix(taken)))) }
        }
        return taken
    }
}

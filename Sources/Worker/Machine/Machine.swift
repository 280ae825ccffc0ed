import Basics
import Boot
import DeviceModel
import Devices
import HypervisorCore
import Persistence
import Processor
import Synchronization
import WorkerProtocol

/// One running machine, assembled from everything below: RAM, hypervisor with the child partition, devices, clocks and the threads
/// that run the virtual processors.
///
///     verbs (start, pause, …)    one at a time, under `lifecycle`
///     VP threads                 never take `lifecycle`; ask by a GuestRequest, which a helper thread carries out as a verb
///     devices                    under the bus's lock, the machine lock
///     delegate                   on the announcer's thread, under no lock
package final class Machine: @unchecked Sendable {
    package static let processorCounts = 1...8

    let configuration: VirtualMachineConfiguration
    let boot: DirectBoot
    let memory: GuestMemory
    let bus = DeviceBus()
    let announcer: Announcer
    let hypervisor: Hypervisor
    let partition: Partition
    let engineName: String
    /// The translator was asked for, and the host refuses executable memory.
    let lacksTranslator: Bool
    /// The translator's code is longer than elsewhere.
    let lacksBMI2: Bool
    /// The guest is shown the hypervisor, its bus and its services.
    let isEnlightened: Bool
    let hardware: ACPIHardware
    let clock: any PartitionClock
    /// One of them, as the time mode says.
    let realClock: RealClock?
    let exactScheduler: ExactScheduler?
    let timerService: any MachineTimers

    // Safety: set once in init; devices are touched under the bus's lock or while everything stands.
    private(set) var scheduler: any Scheduler
    let devices: DeviceInventory
    let stack: VirtualizationStack
    private(set) var machineUnit: MachineUnit?

    /// Guards the verbs, and with them all fields below.
    let lifecycle = HostLock()
    var startedAt: UInt64 = 0
    var tripleFaults: [UInt64] = []
    /// What the guest finds in its generation counter; nil: it has none.
    var generationId: GUID?
    var isPristine = true
    /// The file that RAM was like when marking of dirty pages began anew, where the next checkpoint may build on it.
    var imageBase: MemoryImageBase?
    var isClosed = false
    /// Host nanoseconds that processors and devices get to come to rest.
    let patience: UInt64
    /// Random numbers for what the machine itself draws; seeded in Exact mode.
    var seed: UInt64?

    let stateLock = HostLock()
    // Safety: guarded by `stateLock`.
    var currentState = VirtualMachineState.off
    var reachedCount = false

    /// What the guest asked for and nobody has done yet.
    let pendingRequest = Mutex<GuestRequest?>(nil)
    let usage = Mutex(Usage())
    /// Crashes and notes reported since the last start or reset.
    let guestEvents = Atomic<Int>(0)
    /// Resets since the machine was made, the guest's and others'.
    let resets = Atomic<UInt64>(0)

    /// Assembles everything; nothing runs. The delegate is not kept alive.
    package init(
        configuration: VirtualMachineConfiguration, boot: DirectBoot, devices handed: HandedDevices = HandedDevices(),
        options: MachineOptions = MachineOptions(), delegate: (any MachineDelegate)?
    ) throws(MachineError) {
        guard Self.processorCounts.contains(configuration.processor.count) else {
            throw MachineError(.processorCount, detail: "\(configuration.processor.count)")
        }
        self.configuration = configuration
        self.boot = boot
        patience = UInt64(max(options.patience, 0) * 1e9)
        let memory: GuestMemory
        do throws(GuestMemoryError) {
            memory = try GuestMemory(size: configuration.memory.startupBytes, capacity: configuration.memory.mostBytes)
        } catch {
            throw MachineError(.memory, cause: error)
        }
        self.memory = memory
        let announcer = Announcer(delegate: delegate)
        self.announcer = announcer
        let architecture = configuration.architecture ?? .microkernel
        isEnlightened = architecture.isEnlightened
        let choice = try EngineChoice(
            engine: configuration.processor.engine, model: configuration.processor.model, memory: memory,
            mayTranslate: !options.refusesExecutableMemory, mayUseBMI2: !options.lacksBMI2,
            countsPrivileged: !architecture.isEnlightened)
        engineName = choice.name
        lacksTranslator = choice.isSecondChoice
        lacksBMI2 = choice.isSlower
        var hardware = ACPIHardware(processors: configuration.processor.count)
        hardware.hasVMBus = architecture.isEnlightened
        hardware.hasATAChannel = !architecture.isEnlightened
        hardware.generationId = architecture.isEnlightened ? configuration.generationId : nil
        self.hardware = hardware

        // Time.
        let isExact = configuration.timeMode == .exact
        let exactClock = ExactClock(picosecondsPerInstruction: configuration.picosecondsPerInstruction)
        let exactTimers = ExactTimers(clock: exactClock)
        let realClock = RealClock()
        let realTimers = RealTimers(clock: realClock)
        self.realClock = isExact ? nil : realClock
        clock = isExact ? exactClock : realClock
        let timers: any MachineTimers = isExact ? exactTimers : realTimers
        timerService = timers
        let wallClock: any WallClock = isExact ? DerivedWallClock(start: configuration.creationTime, clock: exactClock) : HostWallClock()
        seed = isExact ? configuration.seed ?? 0 : nil

        // The hypervisor and the child partition.
        let link = MachineLink()
        let hypervisor = Hypervisor(logicalProcessors: hostProcessorCount(), drawPartitionIdentifier: { options.partitionID })
        self.hypervisor = hypervisor
        do {
            partition = try hypervisor.createPartition(
                as: hypervisor.root,
                PartitionConfiguration(
                    name: configuration.name, memory: memory, timers: timers, devices: bus, processorModel: choice.model,
                    showsHypervisor: architecture.isEnlightened, makeEngine: choice.make, observer: link))
            try hypervisor.createVirtualProcessors(as: hypervisor.root, in: partition, count: configuration.processor.count)
            try hypervisor.initialisePartition(as: hypervisor.root, partition)
        } catch {
            throw MachineError(.assembly, detail: "the hypervisor answers \(error)")
        }
        partition.setRunning(false)

        // Devices.
        let testExit: (UInt32) -> Void = options.testPort.map { $0 as (UInt32) -> Void } ?? { link.request(.exit($0)) }
        devices = try DeviceInventory(
            DeviceInventory.Surroundings(
                interrupts: partition, timers: LockedTimers(timers, bus: bus), wallClock: wallClock,
                serialOutput: { announcer.console(port: $0, byte: $1) },
                powerOff: { link.request(.powerOff) },
                reset: { link.request(.reset("The guest reset the machine by its reset register.")) },
                testExit: options.testPorts ? testExit : nil),
            hardware: hardware, on: bus)

        // The threads.
        var idleWatch: IdleWatch?
        if isExact {
            let exact = ExactScheduler(processors: partition.processors, clock: exactClock, timers: exactTimers, client: link)
            (scheduler, exactScheduler) = (exact, exact)
        } else {
            let real = RealScheduler(processors: partition.processors, clock: realClock, timers: realTimers, client: link)
            (scheduler, exactScheduler, idleWatch) = (real, nil, real.idleWatch)
        }
        self.link = link
        let log: ((MachineInput.Kind, GUID?, [UInt8]) -> Void)? = exactScheduler.map { scheduler in
            { announcer.input(MachineInput(count: scheduler.instructions, kind: $0, device: $1, bytes: $2)) }
        }
        stack = VirtualizationStack(
            VirtualizationStack.Surroundings(
                memory: memory, timers: timers, wallClock: wallClock, folder: options.folder, exactScheduler: exactScheduler,
                idleWatch: idleWatch,
                note: { link.note($0) }, diskFull: { link.request(.diskFull($0)) },
                ejected: { link.ejected($0) }, seed: seed, input: log,
                architecture: architecture),
            hypervisor: hypervisor, child: partition)
        try stack.populate(configuration, handed)
        for (number, drive) in stack.inventory.drives.enumerated() { devices.ataChannel?.attach(drive.drive, drive: number) }
        machineUnit = makeMachineUnit()
        link.machine = self
    }

    /// Keeps alive what the scheduler and the partition hold weakly.
    private let link: MachineLink

    deinit { close() }

    private func makeMachineUnit() -> MachineUnit {
        MachineUnit(
            save: { [unowned self] in
                MachineUnit.State(
                    partitionTime: clock.nanoseconds, startedAt: startedAt, position: scheduler.position, tripleFaults: tripleFaults,
                    generationId: generationId)
            },
            restore: { [unowned self] state in
                realClock?.set(state.partitionTime)
                scheduler.position = state.position
                (startedAt, tripleFaults, generationId) = (state.startedAt, state.tripleFaults, state.generationId)
            })
    }

    /// Every unit with state, in the order of saving and restoring: the machine's clock first, timers are armed against it.
    var units: [any StatefulUnit] {
        (machineUnit.map { [$0 as any StatefulUnit] } ?? []) + partition.units + devices.units + stack.units
    }

    /// What a saved state must fit.
    var shape: MachineShape {
        MachineShape(
            generation: configuration.generation, processors: configuration.processor.count, model: configuration.processor.model,
            memoryBytes: memory.initialSize, timeMode: configuration.timeMode.rawValue,
            picosecondsPerInstruction: configuration.timeMode == .exact ? configuration.picosecondsPerInstruction : 0)
    }
}

/// How a machine differs from what its configuration says.
package struct MachineOptions: Sendable {
    /// Ports 0xE9 and 0xF4 for guest programs of tests.
    package var testPorts = false
    /// What a write to port 0xF4 does instead of ending the machine; on the VP's thread, which it may hold up.
    package var testPort: (@Sendable (UInt32) -> Void)?
    /// As on a host that refuses executable memory.
    package var refusesExecutableMemory = false
    /// As on a host whose processor has no BMI2.
    package var lacksBMI2 = false
    /// Host seconds that processors and devices get to come to rest when the machine shall stand still.
    package var patience = 20.0
    /// The child partition's id, drawn under the store's lock; at least 2.
    package var partitionID: UInt64 = 2
    /// A descriptor of the VM's folder, for the host's ends of sockets; stays the caller's. nil: there are none.
    package var folder: Int32?
    package init(testPorts: Bool = false, partitionID: UInt64 = 2) { (self.testPorts, self.partitionID) = (testPorts, partitionID) }
}

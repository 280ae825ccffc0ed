import Basics
import DeviceModel
import HypervisorCore
import Persistence
import Services
import Synchronization
import VMBus
import WorkerProtocol

/// The parent partition's virtualization stack of one machine: the VMBus server, its services, and the pumps they run in.
///
/// Its services are one list in one place (`StackInventory`). It stops after the virtual processors and goes on before them, so that it
/// answers nobody while the machine stands still.
final class VirtualizationStack: @unchecked Sendable {
    /// What the stack does to the world around it; called in a pump, must be quick.
    struct Surroundings {
        var memory: GuestMemory
        var timers: any TimerService
        var wallClock: any WallClock
        /// The VM's folder, for the host's ends of sockets; nil: there are none.
        var folder: Int32?
        /// Exact mode's scheduler.
        var exactScheduler: ExactScheduler?
        /// Real mode: idle virtual processors look after descriptors.
        var idleWatch: IdleWatch?
        /// Something for the VM's events; may hold a guest's text.
        var note: @Sendable (String) -> Void
        /// A disk of the host is full: the machine must stand still until there is room.
        var diskFull: @Sendable (String) -> Void
        /// The guest ejected a medium, which is closed already.
        var ejected: @Sendable (DrivePlace) -> Void
        /// Exact mode's seed.
        var seed: UInt64?
        /// Exact mode: something entered from outside at the present count; called where it enters, in a pump.
        var input: ((MachineInput.Kind, GUID?, [UInt8]) -> Void)?
        /// Where the services' work is done in Real mode.
        var architecture = Architecture.microkernel
        let crossings = CrossingCounters()
    }

    let world: Surroundings
    let server: VMBusServer
    /// The bus's own pump, which the integration services share.
    let control: any MachinePump
    let integration: IntegrationServices
    let disks = MachineDisks()
    var dynamicMemory: DynamicMemoryService?
    var sockets: (service: SocketService, pump: any MachinePump)?
    private let outside: OutsideWatch?
    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var pumps: [any MachinePump]
    private var isRunning = false
    private var devices = StackInventory()
    private var offered: Set<String> = []

    // Safety: changed by the machine's verbs, one at a time; inventory and offered services are read by others too, as values.
    var inventory: StackInventory {
        get { lock.withLock { devices } }
        set {
            // What only the former value held ends after the lock.
            let former = lock.withLock { () -> StackInventory in
                defer { devices = newValue }
                return devices
            }
            withExtendedLifetime(former) {}
        }
    }
    /// Names of the integration services that are on the bus.
    var offeredServices: Set<String> {
        get { lock.withLock { offered } }
        set { lock.withLock { offered = newValue } }
    }
    var machineId = GUID()
    var machineName = ""
    /// Each disk has a process of its own.
    var servesDisksApart = false

    init(_ world: Surroundings, hypervisor: Hypervisor, child: Partition) {
        self.world = world
        outside = world.exactScheduler == nil ? nil : OutsideWatch()
        control = Self.makePump("vmbus", world, outside)
        pumps = [control]
        server = VMBusServer(
            memory: world.memory, transport: HypervisorTransport(hypervisor: hypervisor, child: child, crossings: world.crossings),
            pump: control)
        server.onNote = world.note
        integration = IntegrationServices(pump: control, wallClock: world.wallClock)
        server.start()
    }

    /// The one place where architectures differ: who does a service's work. `Monolithic`: the virtual processor's own thread within its
    /// exit, all of it. Else only what need not wait, and a thread of the stack does the rest.
    private static func makePump(
        _ name: String, _ world: Surroundings, _ outside: OutsideWatch?, servesCallers: Bool = false
    ) -> any MachinePump {
        if let scheduler = world.exactScheduler, let outside {
            return TimedPump(name: name, scheduler: scheduler, timers: world.timers, outside: outside, crossings: world.crossings)
        }
        let isInside = world.architecture == .monolithic
        return ThreadPump(
            name: name, timers: world.timers, servesCallers: servesCallers || isInside, callersWait: isInside,
            idleWatch: servesCallers ? world.idleWatch : nil, crossings: world.crossings)
    }

    /// A pump for one device. `name` is unique within the machine. `servesCallers`: the device's work heeds `mayWait` and may be done on
    /// the thread of the virtual processor that signals; what descriptors ask for, on that of an idle one.
    func makePump(_ name: String, servesCallers: Bool = false) -> any MachinePump {
        let pump = Self.makePump(name, world, outside, servesCallers: servesCallers)
        lock.withLock {
            pumps.append(pump)
            if isRunning { pump.run() }
        }
        return pump
    }

    /// Ends a pump whose device is gone.
    func endPump(_ pump: any MachinePump) {
        lock.withLock { pumps.removeAll { $0 === pump } }
        pump.close()
    }

    private var allPumps: [any MachinePump] { lock.withLock { pumps } }

    // MARK: The machine's steps

    func run() {
        lock.withLock {
            isRunning = true
            for pump in pumps { pump.run() }
        }
        outside?.run()
    }

    /// Precondition: the virtual processors stand. Afterwards all of the stack does, with nothing half done between its parts. May be
    /// repeated, for what was changed while the machine stood. What does not come to rest before the host's monotonic clock shows
    /// `deadline` is said, for a message; all are told to stand still until `run` then, too.
    func stop(by deadline: UInt64) -> String? {
        guard outside?.stop(by: deadline) ?? true else { return "what comes from outside does not end" }
        lock.withLock { isRunning = false }
        let pumps = allPumps
        for pump in pumps {
            guard pump.stop(by: deadline) else { return "the device “\(pump.name)” does not come to rest" }
        }
        var isMoving = true
        while isMoving { isMoving = pumps.reduce(false) { $1.drain() || $0 } }
        server.settle()
        return nil
    }

    /// Power-up state: every channel closed, the offers as the inventory says. Precondition: everything stands.
    func reset() {
        server.reset()
        for pump in allPumps { pump.reset() }
    }

    func close() {
        outside?.close()
        for pump in allPumps { pump.close() }
        control.perform { integration.interrupt() }
        if let (service, pump) = sockets { pump.perform { service.stop() } }
        server.close()
        inventory.close()
        disks.removeAll()
    }

    /// In the order of saving and restoring: when pumps are due, the bus with its open channels, then each service. Saving and restoring
    /// happen while the pumps stand still, so nobody else is in their contexts.
    var units: [any StatefulUnit] {
        let inventory = inventory
        // Not the pumps of devices that leave: the machine that this state is restored into never had them.
        let lasting = [control] + (sockets.map { [$0.pump] } ?? []) + inventory.pumps
        let pumpUnits = lasting.compactMap(\.unit).sorted { $0.unitName < $1.unitName }
        // The bus finds the devices of connections by what the sockets' state says.
        let socketUnits = sockets.map { [$0.service as any StatefulUnit] } ?? []
        let memoryUnits = dynamicMemory.map { [$0 as any StatefulUnit] } ?? []
        return pumpUnits + socketUnits + [server as any StatefulUnit] + integration.units + memoryUnits + inventory.units
    }

    /// Exact mode: tells of a request from outside. In the pump that it enters by.
    func log(_ kind: MachineInput.Kind, _ request: some Encodable) {
        guard let input = world.input else { return }
        input(kind, nil, (try? ProtocolCodec.encode(request)) ?? [])
    }

    /// Bytes of RAM the guest has, its balloon subtracted.
    var assignedMemory: UInt64 {
        guard let dynamicMemory else { return world.memory.size }
        return control.perform { dynamicMemory.assigned }
    }

    /// Host processor time of the stack's threads in nanoseconds.
    var processorTime: UInt64 { allPumps.reduce(0) { $0 &+ $1.processorTime } }
}

import DeviceModel
import HypervisorCore
import Processor

/// Partition time that a test sets.
final class FakeClock: PartitionClock, @unchecked Sendable {
    var nanoseconds: UInt64 = 0
}

/// Timers that fire when a test moves the clock, in order of deadline and then of creation.
final class FakeTimers: TimerService {
    final class Timer: PartitionTimer {
        var deadline: UInt64?
        let action: () -> Void
        init(action: @escaping () -> Void) { self.action = action }
        func arm(at deadline: UInt64?) { self.deadline = deadline }
    }
    let fakeClock = FakeClock()
    var clock: any PartitionClock { fakeClock }
    private(set) var timers: [Timer] = []

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let timer = Timer(action: action)
        timers.append(timer)
        return timer
    }

    /// Moves the clock to `nanoseconds`, stopping at every deadline on the way.
    func advance(to nanoseconds: UInt64) {
        while let next = timers.filter({ ($0.deadline ?? .max) <= nanoseconds }).min(by: { ($0.deadline ?? 0) < ($1.deadline ?? 0) }) {
            fakeClock.nanoseconds = max(fakeClock.nanoseconds, next.deadline ?? 0)
            next.deadline = nil
            next.action()
        }
        fakeClock.nanoseconds = nanoseconds
    }

    var nextDeadline: UInt64? { timers.compactMap(\.deadline).min() }
}

/// An engine that executes a test's script instead of instructions.
final class FakeEngine: ProcessorEngine {
    var state = ProcessorState()
    var instructionsRetired: UInt64 = 0
    /// What `run` does; by default it reaches the limit.
    var script: ((FakeEngine) -> EngineExit)?
    var exitRequested = false
    var kicks = 0
    var canAcceptInterrupt = true
    var canAcceptNMI = true
    var wantsInterruptWindow = false
    var delivered: [UInt8] = []
    var deliveredNMIs = 0
    var initialisations: [Bool] = []
    var flushes: [UInt64?] = []
    var vectors = [(UInt64, UInt64)](repeating: (0, 0), count: 16)
    var currentPrivilegeLevel = 0
    var isIn64BitMode = true
    var isInProtectedMode = true
    var counters = EngineCounters()

    func run(until limit: UInt64) -> EngineExit {
        exitRequested = false
        if let script { return script(self) }
        instructionsRetired = limit
        return .limit
    }
    func requestExit() { exitRequested = true }
    func kick() { kicks += 1 }
    func deliverInterrupt(vector: UInt8) { delivered.append(vector) }
    func deliverNMI() { deliveredNMIs += 1 }
    func initialise(bootstrap: Bool) {
        initialisations.append(bootstrap)
        state = ProcessorState()
    }
    func generalRegister(_ number: Int) -> UInt64 { state.general[number] }
    func setGeneralRegister(_ number: Int, _ value: UInt64) { state.general[number] = value }
    func vectorRegister(_ number: Int) -> (UInt64, UInt64) { vectors[number] }
    func setVectorRegister(_ number: Int, _ low: UInt64, _ high: UInt64) { vectors[number] = (low, high) }
    var instructionPointer: UInt64 { state.rip }
    var pageTableBase: UInt64 { state.cr3 }
    func translate(virtual address: UInt64) -> UInt64? { address }
    func flushTranslations(of page: UInt64?) { flushes.append(page) }
}

/// Devices that remember what reached them.
final class FakeDevices: DeviceAccess {
    var portWrites: [(port: UInt16, value: UInt32)] = []
    var ended: [UInt8] = []
    func readPort(_ port: UInt16, size: Int) -> UInt32? { port == 0x70 ? 0x42 : nil }
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> Bool {
        portWrites.append((port, value))
        return true
    }
    func readMemory(_ address: UInt64, size: Int) -> UInt64? { nil }
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> Bool { false }
    func endOfInterrupt(vector: UInt8) { ended.append(vector) }
}

final class EventLog: PartitionObserver, @unchecked Sendable {
    var events: [PartitionEvent] = []
    func partition(_ partition: Partition, reports event: PartitionEvent) { events.append(event) }
}

/// A hypervisor with one child of `count` VPs and 4 MiB.
struct FakeMachine {
    let hypervisor: Hypervisor
    let child: Partition
    let timers = FakeTimers()
    let devices = FakeDevices()
    let log = EventLog()
    let memory: GuestMemory

    init(count: Int = 1, showsHypervisor: Bool = true) throws {
        hypervisor = Hypervisor(logicalProcessors: 2, drawPartitionIdentifier: { 7 })
        memory = try GuestMemory(size: 4 << 20)
        child = try hypervisor.createPartition(
            as: hypervisor.root,
            PartitionConfiguration(
                name: "test", memory: memory, timers: timers, devices: devices, processorModel: .qemu64,
                showsHypervisor: showsHypervisor, makeEngine: { _, _, _ in FakeEngine() }, observer: log))
        try hypervisor.createVirtualProcessors(as: hypervisor.root, in: child, count: count)
        try hypervisor.initialisePartition(as: hypervisor.root, child)
    }

    func processor(_ index: Int = 0) -> VirtualProcessor { child.processors[index] }
    func engine(_ index: Int = 0) throws -> FakeEngine {
        guard let engine = processor(index).engine as? FakeEngine else { throw Unexpected() }
        return engine
    }
    struct Unexpected: Error {}

    /// Reads an MSR; nil is #GP.
    func read(_ msr: UInt32, _ index: Int = 0) -> UInt64? {
        if case .value(let value) = processor(index).readMSR(msr) { value } else { nil }
    }

    /// Writes an MSR; false is #GP.
    @discardableResult
    func write(_ msr: UInt32, _ value: UInt64, _ index: Int = 0) -> Bool {
        if case .value = processor(index).writeMSR(msr, value) { true } else { false }
    }

    static let hypercallPage: UInt64 = 0x5000

    /// Guest OS id and hypercall page, as a guest sets them up.
    func enableHypercalls() {
        write(0x4000_0000, 0x8100_0000_0000_0000)
        write(0x4000_0001, Self.hypercallPage | 1)
    }

    /// Turns the SynIC of a VP on: SIMP at 0x8000, SIEFP at 0x9000, SINT2 with vector 0x40.
    func enableSynIC(_ index: Int = 0) {
        write(0x4000_0080, 1, index)
        write(0x4000_0083, 0x8000 | 1, index)
        write(0x4000_0082, 0x9000 | 1, index)
        write(0x4000_0092, 0x40, index)
    }

    /// Software-enables the local APIC.
    func enableAPIC(_ index: Int = 0) { _ = processor(index).writeMemory(0xfee0_00f0, size: 4, value: 0x1ff) }

    /// The first `count` bytes the guest sees at an address.
    func guestBytes(_ address: UInt64, _ count: Int) -> [UInt8] {
        guard let host = child.gpaSpace?.page(at: address).host else { return [] }
        return (0..<count).map { host.load(fromByteOffset: Int(address & 0xfff) + $0, as: UInt8.self) }
    }

    /// Calls through the page's OUT as 64-bit code; nil is an exception.
    func call(_ control: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0, _ index: Int = 0) throws -> UInt64? {
        let engine = try engine(index)
        engine.state.rip = Self.hypercallPage + 4
        engine.state.general[1] = control
        engine.state.general[2] = first
        engine.state.general[8] = second
        guard case .value = processor(index).writePort(0xe4, size: 1, value: 0) else { return nil }
        return engine.state.general[0]
    }
}

import DeviceModel
import HypervisorCore
import Processor

extension FuzzTarget {
    /// Hypercalls with any control word and input, synthetic and APIC registers, messages and events of the root, in any order.
    static let hypercalls = FuzzTarget(
        "hypercalls", "steps of three VPs: MSRs, hypercalls, APIC accesses, CPUID, runs, time", maximumLength: 2048,
        seeds: HypercallCase.seeds
    ) { bytes in try? HypercallCase(bytes)?.run() }
}

private final class HypercallCase {
    private static let limit = 192
    private static let page: UInt64 = 0x5000
    private var input: FuzzInput
    private let hypervisor: Hypervisor
    private let child: Partition
    private let timers: StandingTimers
    private let memory: GuestMemory

    /// nil: the host has no memory.
    init?(_ bytes: [UInt8]) {
        input = FuzzInput(bytes)
        timers = StandingTimers()
        guard let made = try? Self.machine(timers) else { return nil }
        (hypervisor, child, memory) = made
    }

    private static func machine(_ timers: StandingTimers) throws -> (Hypervisor, Partition, GuestMemory) {
        let hypervisor = Hypervisor(logicalProcessors: 2, drawPartitionIdentifier: { 7 })
        let memory = try GuestMemory(size: 4 << 20)
        let child = try hypervisor.createPartition(
            as: hypervisor.root,
            PartitionConfiguration(
                name: "fuzz", memory: memory, timers: timers, devices: NoDevices(), processorModel: .qemu64,
                makeEngine: { _, _, _ in StandingEngine() }, observer: NoObserver()))
        try hypervisor.createVirtualProcessors(as: hypervisor.root, in: child, count: 3)
        try hypervisor.initialisePartition(as: hypervisor.root, child)
        return (hypervisor, child, memory)
    }

    func run() throws {
        for _ in 0..<Self.limit where !input.isEmpty { step() }
        // What a guest did can be saved, restored and saved alike.
        let saved = try? saveUnits(child.units)
        guard let saved else { fatalError("the partition can always be saved") }
        let other = StandingTimers()
        other.standing.nanoseconds = timers.standing.nanoseconds
        let (_, copy, _) = try Self.machine(other)
        guard (try? restoreUnits(copy.units, from: saved)) != nil, let again = try? saveUnits(copy.units) else {
            fatalError("what was saved can be restored")
        }
        promise(again == saved, "and is the same")
        child.reset()
    }

    /// Small numbers, single bits, edges, page addresses or anything.
    private func value() -> UInt64 {
        switch input.choice(6) {
        case 0: UInt64(input.byte())
        case 1: 1 << UInt64(input.byte() & 63)
        case 2: .max - UInt64(input.byte() & 15)
        case 3: UInt64(input.number(UInt16.self) & 1023) << 12 | UInt64(input.byte() & 1)
        case 4: UInt64(input.number(UInt32.self))
        default: input.number()
        }
    }

    private func register() -> UInt32 {
        let low = UInt32(input.number(UInt16.self)) % 0x120
        return switch input.choice(5) {
        case 0: 0x800 + low % 0x48
        case 1: 0xC001_0000 + low
        case 2: input.number()
        default: 0x4000_0000 + low
        }
    }

    private func step() {
        let index = input.choice(3)
        let processor = child.processors[index]
        guard let engine = processor.engine as? StandingEngine else { return }
        switch input.choice(12) {
        case 0, 1: _ = processor.writeMSR(register(), value())
        case 2: _ = processor.readMSR(register())
        case 3:
            _ = processor.writeMSR(0x4000_0000, 0x8100_0000_0000_0000)
            _ = processor.writeMSR(0x4000_0001, Self.page | 1)
        case 4, 5, 6: call(processor, engine)
        case 7:
            let offset = UInt64(input.number(UInt16.self) & 0x3FF)
            _ = processor.writeMemory(0xFEE0_0000 + offset, size: 4, value: UInt64(input.number(UInt32.self)))
            _ = processor.readMemory(0xFEE0_0000 + offset, size: 1 << input.choice(4))
        case 8:
            let message = SyntheticMessage(type: UInt32(input.byte() & 15), sender: UInt64(input.byte() & 3), payload: [1, 2, 3])
            let (target, source) = (input.choice(4), input.choice(18))
            _ = hypervisor.postMessage(as: hypervisor.root, to: child, processor: target, source: source, message)
            let flag = Int(input.number(UInt16.self)) % 2100
            _ = hypervisor.signalEvent(as: hypervisor.root, to: child, processor: target, source: source, flag: flag)
        case 9: child.send(InterruptMessage(address: value(), data: input.number()))
        case 10:
            _ = processor.cpuid(leaf: input.flag() ? 0x4000_0000 + UInt32(input.byte()) : input.number(), subleaf: UInt32(input.byte()))
        default:
            engine.canAcceptInterrupt = input.flag()
            _ = processor.runSlice(until: engine.instructionsRetired + 1)
            timers.advance(by: UInt64(input.number(UInt16.self)) << 8)
        }
    }

    /// A hypercall through the page, with input in registers or in memory.
    private func call(_ processor: VirtualProcessor, _ engine: StandingEngine) {
        let codes = HypercallCode.allCases
        var control = input.byte() < 0xE0 ? UInt64(codes[input.choice(codes.count)].rawValue) : UInt64(input.number(UInt16.self))
        switch input.choice(4) {
        case 0: control |= 1 << 16
        case 1: control |= UInt64(input.number(UInt16.self)) << 32
        case 2: control |= UInt64(input.byte() & 3) << 17 | UInt64(input.byte() & 3) << 32 | UInt64(input.byte() & 3) << 48
        default: control |= UInt64(input.number(UInt32.self)) << 16
        }
        let place = UInt64(input.number(UInt16.self)) << 3 % (4 << 20)
        _ = memory.write(place, input.take(Int(input.byte() & 127)))
        engine.state.rip = Self.page + 4
        engine.isIn64BitMode = input.byte() < 0xE0
        engine.state.general[1] = control
        engine.state.general[2] = input.flag() ? place : value()
        engine.state.general[8] = input.flag() ? place + 64 : value()
        _ = processor.writePort(0xE4, size: 1, value: 0)
    }

    static func seeds() -> [[UInt8]] {
        let enable: [UInt8] = [0, 3]
        let post: [UInt8] = [0, 4, 0, 9, 1, 0, 0, 16, 0, 32] + [UInt8](repeating: 1, count: 32) + [0, 1, 1, 0]
        let registers: [UInt8] = [1, 0, 0x80, 0, 3, 0, 1, 1, 0, 0x83, 0, 3, 3, 8, 0, 1, 1, 0, 0xB0, 0, 4, 0, 255]
        let run: [UInt8] = [2, 11, 1, 255, 255]
        return [
            enable + post + post + run, registers + enable + post + run + [0, 8, 1, 2, 1, 2, 7, 0],
            enable + (0..<20).flatMap { [1, 4, 0, UInt8($0), 2, 0, 1, 1, 0, 8, 0, 16] + [UInt8](repeating: UInt8($0), count: 20) },
        ]
    }
}

import DeviceModel
import HypervisorCore
import Processor
import Testing

@Suite struct LocalAPICTests {
    private static let page: UInt64 = 0xfee0_0000

    private func load(_ machine: FakeMachine, _ offset: UInt64, _ index: Int = 0) -> UInt64? {
        if case .value(let value) = machine.processor(index).readMemory(Self.page + offset, size: 4) { value } else { nil }
    }
    private func store(_ machine: FakeMachine, _ offset: UInt64, _ value: UInt64, _ index: Int = 0) {
        _ = machine.processor(index).writeMemory(Self.page + offset, size: 4, value: value)
    }
    /// A machine whose APICs are all software-enabled.
    private func machine(_ count: Int) throws -> FakeMachine {
        let machine = try FakeMachine(count: count)
        for index in 0..<count { machine.enableAPIC(index) }
        return machine
    }
    private func deliverable(_ machine: FakeMachine) -> [UInt8?] { machine.child.processors.map(\.apic.deliverable) }

    @Test func priorities() throws {
        let machine = try machine(1)
        let apic = machine.processor().apic
        apic.accept(vector: 0x31)
        apic.accept(vector: 0x52)
        #expect(apic.deliverable == 0x52)
        apic.acknowledge(0x52)
        #expect(apic.deliverable == nil)
        #expect(load(machine, 0xa0) == 0x50)
        // A higher class interrupts, the same class waits.
        apic.accept(vector: 0x5f)
        #expect(apic.deliverable == nil)
        apic.accept(vector: 0x60)
        #expect(apic.deliverable == 0x60)
        apic.acknowledge(0x60)
        store(machine, 0xb0, 0)
        #expect(load(machine, 0xa0) == 0x50)
        store(machine, 0xb0, 0)
        #expect(apic.deliverable == 0x5f)
        // Task priority, also through CR8.
        store(machine, 0x80, 0x55)
        #expect(apic.deliverable == nil)
        #expect(machine.processor().readTaskPriority() == 5)
        machine.processor().writeTaskPriority(2)
        #expect(load(machine, 0x80) == 0x20)
        #expect(apic.deliverable == 0x5f)
    }

    @Test func levelInterruptsEndAtTheIOAPIC() throws {
        let machine = try machine(1)
        let apic = machine.processor().apic
        machine.child.send(InterruptMessage(address: 0xfee0_0000, data: 0x8000 | 0x4000 | 0x41))
        machine.child.send(InterruptMessage(address: 0xfee0_0000, data: 0x42))
        #expect(load(machine, 0x1a0) == 0x2)
        for vector: UInt8 in [0x42, 0x41] {
            apic.acknowledge(vector)
            #expect(machine.write(0x4000_0070, 0))
        }
        #expect(machine.devices.ended == [0x41])
    }

    @Test func commandsByShorthandAndDestination() throws {
        let machine = try machine(4)
        // Physical, VP 2.
        store(machine, 0x310, 2 << 24)
        store(machine, 0x300, 0x4000 | 0x30)
        #expect(deliverable(machine) == [nil, nil, 0x30, nil])
        // Self, all, all but self.
        store(machine, 0x300, 1 << 18 | 0x31)
        store(machine, 0x300, 2 << 18 | 0x32)
        store(machine, 0x300, 3 << 18 | 0x33)
        #expect(deliverable(machine) == [0x32, 0x33, 0x33, 0x33])
        // Logical, flat: LDR 1, 2, 4, 8.
        for index in 0..<4 { store(machine, 0xd0, 1 << (24 + UInt64(index)), index) }
        store(machine, 0x310, 0xa << 24)
        store(machine, 0x300, 0x4000 | 1 << 11 | 0x44)
        #expect(deliverable(machine) == [0x32, 0x44, 0x33, 0x44])
        // Logical, cluster: VP 3 alone in cluster 1.
        for index in 0..<4 { store(machine, 0xe0, 0, index) }
        store(machine, 0xd0, 0x11 << 24, 3)
        store(machine, 0x310, 0x11 << 24)
        store(machine, 0x300, 0x4000 | 1 << 11 | 0x55)
        #expect(deliverable(machine) == [0x32, 0x44, 0x33, 0x55])
    }

    @Test func lowestPriorityPicksTheIdlest() throws {
        let machine = try machine(3)
        store(machine, 0x80, 0x30, 0)
        store(machine, 0x80, 0x10, 1)
        store(machine, 0x80, 0x10, 2)
        machine.child.send(InterruptMessage(address: 0xfeef_f000, data: 0x161))
        #expect(deliverable(machine) == [nil, 0x61, nil])
    }

    @Test func wideMode() throws {
        let machine = try machine(3)
        #expect(machine.read(0x802) == nil)
        #expect(machine.read(0x1b) == 0xfee0_0900)
        #expect(machine.write(0x1b, 0xfee0_0d00))
        // The page is gone, the registers are MSRs.
        #expect(load(machine, 0x30) == 0xffff_ffff)
        #expect(machine.read(0x802) == 0)
        #expect(machine.read(0x803) == 0x5_0014)
        #expect(machine.read(0x80d) == 1)
        #expect(machine.write(0x80d, 1) == false)
        #expect(machine.read(0x80e) == nil)
        #expect(machine.write(0x80b, 1) == false)
        #expect(machine.write(0x80b, 0))
        #expect(machine.write(0x830, 2 << 32 | 0x71))
        #expect(machine.processor(2).apic.deliverable == 0x71)
        #expect(machine.write(0x83f, 0x72))
        #expect(machine.processor(0).apic.deliverable == 0x72)
        #expect(machine.write(0x83f, 0x172) == false)
        // Logical: cluster 0, VP 1 in wide mode too.
        #expect(machine.write(0x1b, 0xfee0_0c00, 1))
        #expect(machine.write(0x830, 2 << 32 | 1 << 11 | 0x73))
        #expect(machine.processor(1).apic.deliverable == 0x73)
        // Back to xAPIC only through disabled; moving the page is refused.
        #expect(machine.write(0x1b, 0xfee0_0900) == false)
        #expect(machine.write(0x1b, 0xfee0_0100))
        #expect(machine.write(0x1b, 0xfee0_0d00) == false)
        #expect(machine.write(0x1b, 0xfee0_0900))
        #expect(machine.write(0x1b, 0xfed0_0900) == false)
    }

    @Test func timer() throws {
        let machine = try machine(1)
        let apic = machine.processor().apic
        // Divide by 16 at 200 MHz: 80 ns a count. One-shot of 1000 counts.
        store(machine, 0x3e0, 3)
        store(machine, 0x320, 0x66)
        store(machine, 0x380, 1000)
        machine.timers.advance(to: 40_000)
        #expect(load(machine, 0x390) == 500)
        #expect(apic.deliverable == nil)
        machine.timers.advance(to: 80_000)
        #expect(apic.deliverable == 0x66)
        #expect(load(machine, 0x390) == 0)
        #expect(machine.timers.nextDeadline == nil)
        apic.acknowledge(0x66)
        apic.endOfInterrupt()
        // Periodic keeps its phase and skips what it missed.
        store(machine, 0x320, 1 << 17 | 0x67)
        store(machine, 0x380, 1000)
        machine.timers.advance(to: 160_000)
        #expect(apic.deliverable == 0x67)
        machine.timers.fakeClock.nanoseconds = 500_000
        machine.timers.advance(to: 500_000)
        #expect(machine.timers.nextDeadline == 560_000)
        // Masked: nothing comes.
        apic.acknowledge(0x67)
        apic.endOfInterrupt()
        store(machine, 0x320, 1 << 17 | 1 << 16 | 0x67)
        machine.timers.advance(to: 600_000)
        #expect(apic.deliverable == nil)
    }

    @Test func errorsAndDisabling() throws {
        let machine = try machine(1)
        let apic = machine.processor().apic
        store(machine, 0x370, 0x77)
        store(machine, 0x300, 1 << 18 | 0x05)
        #expect(apic.deliverable == 0x77)
        #expect(load(machine, 0x280) == 0)
        store(machine, 0x280, 0)
        #expect(load(machine, 0x280) == 0x20)
        // Software-disabled: nothing new is accepted, all local vectors are masked.
        apic.acknowledge(0x77)
        apic.endOfInterrupt()
        store(machine, 0xf0, 0xff)
        apic.accept(vector: 0x80)
        #expect(apic.deliverable == nil)
        #expect(load(machine, 0x370) == 0x1_0077)
    }
}

import Basics
import HypervisorCore
import Processor
import Testing

@Suite struct SyntheticTimerTests {
    private func take(_ machine: FakeMachine) -> UInt8? {
        let apic = machine.processor().apic
        guard let vector = apic.deliverable else { return nil }
        apic.acknowledge(vector)
        apic.endOfInterrupt()
        return vector
    }

    @Test func oneShotInDirectModeWithAutoEnable() throws {
        let machine = try FakeMachine()
        machine.enableAPIC()
        // As Linux sets it: direct mode, vector 0xED, auto-enable.
        let config: UInt64 = 1 << 12 | 0xed << 4 | 8
        #expect(machine.write(0x4000_00b0, config))
        #expect(machine.write(0x4000_00b1, 50))
        #expect(machine.read(0x4000_00b0) == config | 1)
        machine.timers.advance(to: 4_999)
        #expect(take(machine) == nil)
        machine.timers.advance(to: 5_000)
        #expect(take(machine) == 0xed)
        #expect(machine.read(0x4000_00b0) == config)
        // A count in the past fires at once.
        #expect(machine.write(0x4000_00b1, 1))
        machine.timers.advance(to: 5_000)
        #expect(take(machine) == 0xed)
        // Count 0 stops it.
        #expect(machine.write(0x4000_00b1, 90))
        #expect(machine.write(0x4000_00b1, 0))
        machine.timers.advance(to: 20_000)
        #expect(take(machine) == nil)
        #expect(machine.timers.nextDeadline == nil)
    }

    @Test func periodicByMessage() throws {
        let machine = try FakeMachine()
        machine.enableAPIC()
        machine.enableSynIC()
        #expect(machine.write(0x4000_00b3, 1000))
        #expect(machine.write(0x4000_00b2, 2 << 16 | 2 | 1))
        machine.timers.advance(to: 100_000)
        #expect(take(machine) == 0x40)
        let slot = machine.guestBytes(0x8200, 40)
        #expect(Array(slot[0..<5]) == [0x10, 0, 0, 0x80, 24])
        #expect((slot.littleEndian(at: 16, as: UInt32.self) ?? 0) == 1)
        #expect((slot.littleEndian(at: 24, as: UInt64.self) ?? 0) == 1000)
        #expect((slot.littleEndian(at: 32, as: UInt64.self) ?? 0) == 1000)
        // The slot stays busy over two periods: the timer has one buffer, so one message waits.
        machine.timers.advance(to: 310_000)
        #expect(take(machine) == nil)
        machine.child.gpaSpace?.page(at: 0x8000).host?.storeBytes(of: 0, toByteOffset: 0x200, as: UInt32.self)
        machine.write(0x4000_0084, 0)
        #expect(take(machine) == 0x40)
        let second = machine.guestBytes(0x8200, 40)
        #expect((second.littleEndian(at: 24, as: UInt64.self) ?? 0) == 2000)
        #expect((second.littleEndian(at: 32, as: UInt64.self) ?? 0) == 3100)
        #expect(second[5] == 0)
        #expect(machine.read(0x4000_00b2) == 2 << 16 | 2 | 1)
    }

    @Test func lazyTimersSkipAndOthersCatchUp() throws {
        let machine = try FakeMachine()
        machine.enableAPIC()
        #expect(machine.write(0x4000_00b5, 1000))
        #expect(machine.write(0x4000_00b4, 1 << 12 | 0x51 << 4 | 4 | 2 | 1))
        #expect(machine.write(0x4000_00b7, 1000))
        #expect(machine.write(0x4000_00b6, 1 << 12 | 0x61 << 4 | 2 | 1))
        // The host was away for three and a half periods.
        machine.timers.fakeClock.nanoseconds = 350_000
        machine.timers.advance(to: 350_000)
        let deadlines = machine.timers.timers.compactMap(\.deadline)
        #expect(deadlines == [400_000, 370_000])
    }

    @Test func whatMayNotBeConfigured() throws {
        let machine = try FakeMachine()
        #expect(machine.write(0x4000_00b0, 1 << 13) == false)
        #expect(machine.write(0x4000_00b0, 1 << 20) == false)
        // No source and not direct: the timer is disabled at once.
        #expect(machine.write(0x4000_00b1, 100))
        #expect(machine.write(0x4000_00b0, 1))
        #expect(machine.read(0x4000_00b0) == 0)
        // Huge counts neither trap nor fire.
        #expect(machine.write(0x4000_00b0, 1 << 12 | 0x40 << 4 | 2 | 1))
        #expect(machine.write(0x4000_00b1, .max))
        machine.timers.advance(to: 1 << 40)
        #expect(machine.processor().apic.deliverable == nil)
    }
}

import DeviceModel
import HypervisorCore
import Processor
import Testing

@Suite struct StateTests {
    /// A machine with something in every unit.
    private func busyMachine() throws -> FakeMachine {
        let machine = try FakeMachine(count: 2)
        machine.enableHypercalls()
        machine.write(0x4000_0021, 0x6001)
        for index in 0..<2 {
            machine.enableAPIC(index)
            machine.write(0x4000_0080, 1, index)
            machine.write(0x4000_0083, 0x8001 + UInt64(index) << 12, index)
            machine.write(0x4000_0092, 0x40, index)
            machine.write(0x4000_0073, 0xc001 + UInt64(index) << 12, index)
        }
        machine.timers.fakeClock.nanoseconds = 7_000
        for type: UInt32 in [1, 2] {
            let message = SyntheticMessage(type: type, payload: [1])
            #expect(
                machine.hypervisor.postMessage(as: machine.hypervisor.root, to: machine.child, processor: 1, source: 2, message) == .success
            )
        }
        machine.write(0x4000_00b0, 1 << 12 | 0xed << 4 | 8)
        machine.write(0x4000_00b1, 5_000)
        machine.write(0x10, 123)
        _ = machine.processor().writeMemory(0xfee0_0320, size: 4, value: 1 << 17 | 0x67)
        _ = machine.processor().writeMemory(0xfee0_0380, size: 4, value: 100_000)
        try machine.engine(1).state.general[3] = 0xdead
        machine.child.gpaSpace?.page(at: 0xd000).host?.storeBytes(of: 0x77, as: UInt8.self)
        return machine
    }

    @Test func everythingComesBack() throws {
        let machine = try busyMachine()
        let saved = try saveUnits(machine.child.units)
        #expect(saved.map(\.name).prefix(5) == ["partition", "vp.0", "vp.0.apic", "vp.0.synic", "vp.0.timers"])
        let other = try FakeMachine(count: 2)
        other.timers.fakeClock.nanoseconds = 7_000
        try restoreUnits(other.child.units, from: saved)
        #expect(try saveUnits(other.child.units) == saved)
        #expect(other.guestBytes(FakeMachine.hypercallPage, 2) == [0xf3, 0x0f])
        #expect(other.guestBytes(0x9200, 6) == machine.guestBytes(0x9200, 6))
        #expect(other.guestBytes(0xd000, 1) == [0x77])
        #expect(other.timers.nextDeadline == machine.timers.nextDeadline)
        #expect(other.processor(1).runState == .waitForSIPI)
        #expect(other.processor(1).apic.deliverable == 0x40)
        #expect(try other.engine(1).state.general[3] == 0xdead)
        // Both go on alike.
        for one in [machine, other] { one.timers.advance(to: 600_000) }
        #expect(machine.processor().apic.deliverable == 0xed)
        #expect(try saveUnits(other.child.units) == saveUnits(machine.child.units))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let saved = try saveUnits(busyMachine().child.units)
        let smaller = try FakeMachine(count: 1)
        #expect(throws: StateError.self) { try restoreUnits(smaller.child.units, from: saved) }
        let other = try FakeMachine(count: 2)
        var torn = saved
        torn[3].payload = torn[3].payload.replacing("\"sources\":[", with: "\"sources\":[1,")
        #expect(throws: StateError.self) { try restoreUnits(other.child.units, from: torn) }
        torn = saved
        torn[2].version = 99
        #expect(throws: StateError.self) { try restoreUnits(other.child.units, from: torn) }
    }

    @Test func aStateThatCannotBeReadTouchesNoUnit() throws {
        let saved = try saveUnits(busyMachine().child.units)
        for place in saved.indices {
            for spoil in [{ $0.payload = "{" }, { $0.version = 99 }] as [(inout UnitState) -> Void] {
                let other = try FakeMachine(count: 2)
                let before = try saveUnits(other.child.units)
                var torn = saved
                spoil(&torn[place])
                #expect(throws: StateError.self) { try restoreUnits(other.child.units, from: torn) }
                #expect(try saveUnits(other.child.units) == before, "after \(saved[place].name)")
            }
        }
    }

    @Test func resetEqualsAFreshMachine() throws {
        // A reset sets no clock back; the units hold nothing else that could differ.
        let machine = try busyMachine()
        machine.child.reset()
        machine.timers.fakeClock.nanoseconds = 0
        let fresh = try FakeMachine(count: 2)
        #expect(try saveUnits(machine.child.units) == saveUnits(fresh.child.units))
    }
}

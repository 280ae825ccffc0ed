import DeviceModel
import HypervisorCore
import Processor
import Testing

@Suite struct RunTests {
    @Test func slicesEndAtTheirLimitOrForAttention() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        #expect(processor.runSlice(until: 500) == .limit)
        #expect(processor.instructionsRetired == 500)
        processor.requestAttention()
        #expect(processor.hasWork)
        #expect(processor.waitForWork(timeoutNanoseconds: 0))
        #expect(processor.runSlice(until: 600) == .attention)
        #expect(processor.runSlice(until: 600) == .limit)
        #expect(processor.waitForWork(timeoutNanoseconds: 0) == false)
    }

    @Test func haltEndsWithAnInterrupt() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        let engine = try machine.engine()
        machine.enableAPIC()
        engine.script = { _ in .halted }
        #expect(processor.runSlice(until: 100) == .idle)
        #expect(processor.runState == .halted)
        // Interrupts off: the VP goes on sleeping and asks for a window.
        engine.canAcceptInterrupt = false
        machine.child.send(InterruptMessage(address: 0xfee0_0000, data: 0x55))
        #expect(processor.hasWork)
        #expect(engine.kicks > 0)
        #expect(processor.runSlice(until: 100) == .idle)
        #expect(engine.wantsInterruptWindow)
        engine.canAcceptInterrupt = true
        engine.script = nil
        #expect(processor.runSlice(until: 100) == .limit)
        #expect(engine.delivered == [0x55])
        #expect(processor.runState == .running)
        #expect(engine.wantsInterruptWindow == false)
    }

    @Test func guestIdleEndsEvenWithInterruptsOff() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        let engine = try machine.engine()
        machine.enableAPIC()
        engine.canAcceptInterrupt = false
        engine.script = { _ in
            #expect(machine.read(0x4000_00f0) == 0)
            return .requested
        }
        #expect(processor.runSlice(until: 100) == .idle)
        #expect(processor.runState == .guestIdle)
        engine.script = nil
        processor.apic.accept(vector: 0x40)
        #expect(processor.runSlice(until: 100) == .limit)
        #expect(engine.delivered.isEmpty)
    }

    /// As a starting VP of Linux waits for a lock whose holder's interrupt its APIC does not take yet.
    @Test func guestIdleEndsByItselfWithoutAnInterrupt() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        let engine = try machine.engine()
        engine.script = { _ in
            #expect(machine.read(0x4000_00f0) == 0)
            return .requested
        }
        #expect(processor.runSlice(until: 100) == .idle)
        engine.script = nil
        processor.apic.accept(vector: 0x40)
        #expect(processor.runSlice(until: 100) == .idle)
        // A save and a restore in between change nothing.
        try processor.restoreState(processor.saveState(), version: VirtualProcessor.stateVersion)
        #expect(processor.runState == .guestIdle)
        machine.timers.advance(to: machine.timers.fakeClock.nanoseconds + 1_000_000_000)
        #expect(processor.waitForWork(timeoutNanoseconds: 0))
        #expect(processor.runSlice(until: 100) == .limit)
        #expect(processor.runState == .running)
        #expect(machine.timers.nextDeadline == nil)
    }

    /// As Linux waits for a lock inside its VMBus interrupt: the vector that ends the wait is of the class in service.
    @Test func guestIdleEndsWithAnInterruptThatIsOutranked() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        let engine = try machine.engine()
        machine.enableAPIC()
        processor.apic.accept(vector: 0xf3)
        #expect(processor.runSlice(until: 10) == .limit)
        #expect(engine.delivered == [0xf3])
        engine.canAcceptInterrupt = false
        engine.script = { _ in
            #expect(machine.read(0x4000_00f0) == 0)
            return .requested
        }
        #expect(processor.runSlice(until: 100) == .idle)
        #expect(processor.runState == .guestIdle)
        engine.script = nil
        processor.apic.accept(vector: 0xf7)
        #expect(processor.waitForWork(timeoutNanoseconds: 0))
        #expect(processor.runSlice(until: 100) == .limit)
        #expect(processor.runState == .running)
        #expect(engine.delivered == [0xf3])
    }

    @Test func initAndStartUp() throws {
        let machine = try FakeMachine(count: 2)
        let second = machine.processor(1)
        let engine = try machine.engine(1)
        machine.enableAPIC(0)
        #expect(second.runSlice(until: 10) == .idle)
        #expect(second.runState == .waitForSIPI)
        // All but self: INIT, then start-up at page 0x9A.
        _ = machine.processor().writeMemory(0xfee0_0300, size: 4, value: 3 << 18 | 0x4500)
        _ = machine.processor().writeMemory(0xfee0_0300, size: 4, value: 3 << 18 | 0x469a)
        #expect(second.runSlice(until: 10) == .limit)
        #expect(engine.initialisations == [false, false])
        #expect(engine.state.segments[1].base == 0x9a000)
        #expect(engine.state.segments[1].selector == 0x9a00)
        // A second start-up does nothing to a running VP.
        _ = machine.processor().writeMemory(0xfee0_0300, size: 4, value: 3 << 18 | 0x4610)
        #expect(second.runSlice(until: 20) == .limit)
        #expect(engine.state.segments[1].base == 0x9a000)
        // NMI comes before interrupts and only when it may.
        machine.enableAPIC(1)
        second.apic.accept(vector: 0x30)
        _ = machine.processor().writeMemory(0xfee0_0300, size: 4, value: 3 << 18 | 0x4400)
        #expect(second.runSlice(until: 30) == .limit)
        #expect(engine.deliveredNMIs == 1)
        #expect(engine.delivered == [0x30])
    }

    @Test func ownInterruptsStopTheEngineAtOnce() throws {
        let machine = try FakeMachine()
        let engine = try machine.engine()
        machine.enableAPIC()
        engine.exitRequested = false
        _ = machine.processor().writeMemory(0xfee0_0300, size: 4, value: 1 << 18 | 0x44)
        #expect(engine.exitRequested)
    }

    @Test func attentionInsideAnInterceptStopsTheEngineAtOnce() throws {
        let machine = try FakeMachine()
        let engine = try machine.engine()
        machine.processor().requestAttention()
        engine.exitRequested = false
        machine.write(0x4000_00b1, 10)
        #expect(engine.exitRequested)
        #expect(machine.processor().runSlice(until: 10) == .attention)
    }

    @Test func initialiseByLevelAndByEdge() throws {
        let machine = try FakeMachine(count: 2)
        let engine = try machine.engine(1)
        machine.enableAPIC()
        for command: UInt64 in [0xc500, 0x8500, 0x0500] {
            _ = machine.processor().writeMemory(0xfee0_0310, size: 4, value: 1 << 24)
            _ = machine.processor().writeMemory(0xfee0_0300, size: 4, value: command)
            _ = machine.processor(1).runSlice(until: 10)
        }
        // Asserted level and edge reset; level de-assert does nothing.
        #expect(engine.initialisations.count == 3)
    }

    @Test func resetAndTripleFault() throws {
        let machine = try FakeMachine(count: 2)
        let processor = machine.processor()
        let engine = try machine.engine()
        machine.enableHypercalls()
        machine.enableSynIC()
        machine.enableAPIC()
        engine.script = { _ in
            machine.write(0x4000_0003, 1)
            return .requested
        }
        #expect(processor.runSlice(until: 100) == .resetRequested)
        machine.child.reset()
        #expect(machine.read(0x4000_0000) == 0)
        #expect(machine.read(0x4000_0083) == 0)
        #expect(machine.read(0x4000_0092) == 0x1_0000)
        #expect(machine.guestBytes(FakeMachine.hypercallPage, 1) == [0])
        #expect(machine.processor(1).runState == .waitForSIPI)
        engine.script = { _ in .tripleFault }
        #expect(processor.runSlice(until: 100) == .tripleFault)
        engine.script = { _ in .unsupported("task switch through a task gate") }
        #expect(processor.runSlice(until: 100) == .unsupported("task switch through a task gate"))
    }

    @Test func runTimeFollowsPartitionTime() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        let engine = try machine.engine()
        engine.script = { engine in
            machine.timers.fakeClock.nanoseconds += 1_000
            #expect(machine.read(0x4000_0010) == 10)
            machine.timers.fakeClock.nanoseconds += 1_000
            engine.instructionsRetired = 5
            return .limit
        }
        #expect(processor.runSlice(until: 5) == .limit)
        #expect(processor.runTime == 2_000)
        let information = processor.information(registers: true)
        #expect(information.instructionsRetired == 5)
        #expect(machine.child.information.runTimeNanoseconds == 2_000)
    }
}

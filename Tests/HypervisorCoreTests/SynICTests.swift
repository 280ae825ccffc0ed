import HypervisorCore
import Processor
import Testing

@Suite struct SynICTests {
    private func post(_ machine: FakeMachine, _ type: UInt32, sender: UInt64 = 1) -> HypercallStatus {
        machine.hypervisor.postMessage(
            as: machine.hypervisor.root, to: machine.child, processor: 0, source: 2,
            SyntheticMessage(type: type, sender: sender, payload: [9, 8, 7]))
    }
    private func slot(_ machine: FakeMachine) -> [UInt8] { machine.guestBytes(0x8200, 20) }

    @Test func messagesWaitForTheirSlot() throws {
        let machine = try FakeMachine()
        #expect(post(machine, 1) == .invalidSynICState)
        machine.enableAPIC()
        machine.enableSynIC()
        #expect(post(machine, 1) == .success)
        #expect(slot(machine) == [1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 8, 7, 0])
        #expect(machine.processor().apic.deliverable == 0x40)
        machine.processor().apic.acknowledge(0x40)
        machine.processor().apic.endOfInterrupt()
        // The slot is busy: the second waits and the slot says so.
        #expect(post(machine, 2) == .success)
        #expect(slot(machine)[5] == 1)
        #expect(machine.processor().apic.deliverable == nil)
        machine.write(0x4000_0084, 0)
        #expect(slot(machine)[0] == 1)
        // The guest frees the slot and writes EOM.
        machine.child.gpaSpace?.page(at: 0x8000).host?.storeBytes(of: 0, toByteOffset: 0x200, as: UInt32.self)
        machine.write(0x4000_0084, 0)
        #expect(slot(machine)[0] == 2)
        #expect(slot(machine)[5] == 0)
        #expect(machine.processor().apic.deliverable == 0x40)
        // RAM below the page is untouched.
        #expect(machine.memory.read(0x8200, count: 4) == [0, 0, 0, 0])
    }

    @Test func sixteenBuffersPerPort() throws {
        let machine = try FakeMachine()
        machine.enableSynIC()
        #expect(post(machine, 1) == .success)
        for _ in 0..<16 { #expect(post(machine, 2) == .success) }
        #expect(post(machine, 2) == .insufficientBuffers)
        #expect(post(machine, 2, sender: 5) == .success)
    }

    @Test func eventFlags() throws {
        let machine = try FakeMachine()
        let root = machine.hypervisor.root
        machine.enableAPIC()
        machine.enableSynIC()
        func signal(_ flag: Int, source: Int = 2) -> HypercallStatus {
            machine.hypervisor.signalEvent(as: root, to: machine.child, processor: 0, source: source, flag: flag)
        }
        #expect(signal(9) == .success)
        #expect(machine.guestBytes(0x9200, 3) == [0, 2, 0])
        #expect(machine.processor().apic.deliverable == 0x40)
        machine.processor().apic.acknowledge(0x40)
        machine.processor().apic.endOfInterrupt()
        // Set already: no second interrupt.
        #expect(signal(9) == .success)
        #expect(machine.processor().apic.deliverable == nil)
        #expect(signal(2048) == .invalidParameter)
        #expect(signal(1, source: 3) == .invalidSynICState)
        #expect(machine.hypervisor.signalEvent(as: machine.child, to: machine.child, processor: 0, source: 2, flag: 1) == .accessDenied)
    }

    @Test func autoEOIAndPolling() throws {
        let machine = try FakeMachine()
        machine.enableAPIC()
        machine.enableSynIC()
        machine.write(0x4000_0092, 1 << 17 | 0x40)
        #expect(post(machine, 1) == .success)
        let apic = machine.processor().apic
        apic.acknowledge(0x40)
        apic.accept(vector: 0x40)
        #expect(apic.deliverable == 0x40)
        apic.acknowledge(0x40)
        machine.write(0x4000_0092, 1 << 18 | 0x40)
        machine.child.gpaSpace?.page(at: 0x8000).host?.storeBytes(of: 0, toByteOffset: 0x200, as: UInt32.self)
        #expect(post(machine, 3) == .success)
        #expect(slot(machine)[0] == 3)
        #expect(apic.deliverable == nil)
    }

    @Test func vectorsBelowSixteenAreRefused() throws {
        let machine = try FakeMachine()
        #expect(machine.write(0x4000_0093, 0x0f) == false)
        #expect(machine.write(0x4000_0093, 0x1_000f))
        #expect(machine.read(0x4000_009f) == 0x1_0000)
    }
}

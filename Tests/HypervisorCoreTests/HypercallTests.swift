import Basics
import DeviceModel
import HypervisorCore
import Processor
import Testing

@Suite struct HypercallTests {
    @Test func childMayNotCreatePartitions() throws {
        let machine = try FakeMachine()
        machine.enableHypercalls()
        #expect(try machine.call(0x40, 0x1000, 0x2000) == 0x6)
        // Also with nonsense for a control word: the privilege comes first.
        #expect(try machine.call(0xffff_ffff_0000_0040) == 0x6)
        #expect(machine.hypervisor.partitions.map(\.id) == [1, 7])
    }

    @Test func statusOfWhatIsWrongWithTheControlWord() throws {
        let machine = try FakeMachine()
        machine.enableHypercalls()
        #expect(try machine.call(0x7777) == 0x2)
        #expect(try machine.call(0x08 | 1 << 16 | 1 << 27) == 0x3)
        #expect(try machine.call(0x08 | 1 << 16 | 1 << 44) == 0x3)
        #expect(try machine.call(0x08 | 1 << 16 | 1 << 60) == 0x3)
        #expect(try machine.call(0x08 | 1 << 16 | 1 << 32) == 0x3)
        #expect(try machine.call(0x08 | 1 << 16 | 1 << 17) == 0x3)
        // A rep call without reps, and one that starts behind its end.
        #expect(try machine.call(0x03, 0x1000) == 0x3)
        #expect(try machine.call(0x03 | 2 << 32 | 2 << 48, 0x1000) == 0x3)
        #expect(try machine.call(0x08 | 1 << 16) == 0)
    }

    @Test func statusOfWhatIsWrongWithTheParameters() throws {
        let machine = try FakeMachine()
        machine.enableHypercalls()
        #expect(try machine.call(0x5c, 0x1004) == 0x4)
        #expect(try machine.call(0x5c, 0x1f80) == 0x4)
        #expect(try machine.call(0x5c, 0x4000_0000) == 0x4)
        #expect(try machine.call(0x5c, .max - 7) == 0x4)
        // Fast with 24 bytes needs the XMM form, which is not offered: #UD. With 256 bytes there is no fast form.
        #expect(try machine.call(0x02 | 1 << 16) == nil)
        #expect(try machine.call(0x5c | 1 << 16) == 0x3)
    }

    @Test func messagesNeedAConnection() throws {
        let machine = try FakeMachine()
        machine.enableHypercalls()
        var input = [UInt8](littleEndian: UInt32(4)) + [0, 0, 0, 0] + [UInt8](littleEndian: UInt32(1)) + [UInt8](littleEndian: UInt32(5))
        input += [1, 2, 3, 4, 5]
        #expect(machine.memory.write(0x1000, input))
        #expect(try machine.call(0x5c, 0x1000) == 0x12)
        #expect(try machine.call(0x5d | 1 << 16, 4) == 0x12)

        let received = Received()
        let root = machine.hypervisor.root
        #expect(
            machine.hypervisor.createPort(as: machine.child, connection: 4, of: machine.child, .message { _ in .success }) == .accessDenied)
        #expect(machine.hypervisor.createPort(as: root, connection: 4, of: machine.child, .message { received.add($0) }) == .success)
        #expect(try machine.call(0x5c, 0x1000) == 0)
        #expect(received.messages == [PostedMessage(connection: 4, type: 1, payload: [1, 2, 3, 4, 5], processor: 0)])
        // A size beyond 240, type 0, a type of the hypervisor's own.
        for (offset, value) in [(12, UInt32(241)), (8, 0), (8, 0x8000_0001)] {
            #expect(machine.memory.write(0x1000, input))
            #expect(machine.memory.store(0x1000 + UInt64(offset), value))
            #expect(try machine.call(0x5c, 0x1000) == 0x5)
        }
        #expect(machine.hypervisor.deletePort(as: root, connection: 4, of: machine.child) == .success)
        #expect(machine.memory.write(0x1000, input))
        #expect(try machine.call(0x5c, 0x1000) == 0x12)
    }

    @Test func eventPortsCheckTheFlag() throws {
        let machine = try FakeMachine()
        machine.enableHypercalls()
        let received = Received()
        let root = machine.hypervisor.root
        #expect(
            machine.hypervisor.createPort(as: root, connection: 9, of: machine.child, .event(flagCount: 2) { received.flags.append($0) })
                == .success)
        #expect(try machine.call(0x5d | 1 << 16, 9 | 1 << 32) == 0)
        #expect(try machine.call(0x5d | 1 << 16, 9 | 2 << 32) == 0x5)
        #expect(received.flags == [1])
    }

    final class Received: @unchecked Sendable {
        var messages: [PostedMessage] = []
        var flags: [Int] = []
        func add(_ message: PostedMessage) -> HypercallStatus {
            messages.append(message)
            return .success
        }
    }

    @Test func thePageWorksOnlyFromInsideAndAtLevelZero() throws {
        let machine = try FakeMachine()
        let engine = try machine.engine()
        let processor = machine.processor()
        machine.enableHypercalls()
        #expect(machine.guestBytes(FakeMachine.hypercallPage, 7) == [0xf3, 0x0f, 0x1e, 0xfa, 0xe6, 0xe4, 0xc3])
        engine.currentPrivilegeLevel = 3
        #expect(try machine.call(0x08 | 1 << 16) == nil)
        engine.currentPrivilegeLevel = 0
        engine.isInProtectedMode = false
        #expect(try machine.call(0x08 | 1 << 16) == nil)
        engine.isInProtectedMode = true
        // From elsewhere the port is unclaimed, and no device sees it.
        engine.state.rip = 0x1_0000
        engine.state.general[0] = 0x1234
        if case .exception = processor.writePort(0xe4, size: 1, value: 0) { Issue.record("an unclaimed port faults") }
        #expect(engine.state.general[0] == 0x1234)
        #expect(machine.devices.portWrites.isEmpty)
        // Stores into the page are #GP; clearing the guest OS id takes the page away.
        if case .value = processor.writeMemory(FakeMachine.hypercallPage, size: 4, value: 0) { Issue.record("the page is writable") }
        #expect(machine.child.gpaSpace?.page(at: FakeMachine.hypercallPage).isWritable == false)
        machine.write(0x4000_0000, 0)
        #expect(machine.read(0x4000_0001) == FakeMachine.hypercallPage)
        #expect(machine.guestBytes(FakeMachine.hypercallPage, 2) == [0, 0])
        machine.write(0x4000_0001, FakeMachine.hypercallPage | 1)
        #expect(machine.read(0x4000_0001) == FakeMachine.hypercallPage)
    }

    @Test func theConventionFor32BitCode() throws {
        let machine = try FakeMachine()
        machine.enableHypercalls()
        let engine = try machine.engine()
        engine.isIn64BitMode = false
        engine.state.rip = FakeMachine.hypercallPage + 4
        // EDX:EAX control, EBX:ECX input, EDI:ESI output; the result comes back in EDX:EAX.
        engine.state.general[0] = 0x03
        engine.state.general[2] = 1
        engine.state.general[3] = 0
        engine.state.general[1] = 0x1000
        #expect(machine.memory.write(0x1000, [UInt8](littleEndian: UInt64(0)) + [UInt8](littleEndian: UInt64(3))))
        guard case .value = machine.processor().writePort(0xe4, size: 1, value: 0) else {
            Issue.record("the call faults")
            return
        }
        #expect(engine.state.general[0] == 0)
        #expect(engine.state.general[2] == 1)
        #expect(engine.flushes.last == .some(0))
    }

    @Test func flushesReachTheirTargets() throws {
        let machine = try FakeMachine(count: 3)
        machine.enableHypercalls()
        for index in 0..<3 { try machine.engine(index).flushes = [] }
        // Space: VPs 0 and 2.
        #expect(
            machine.memory.write(
                0x1000, [UInt8](littleEndian: UInt64(0)) + [UInt8](littleEndian: UInt64(2)) + [UInt8](littleEndian: UInt64(5))))
        #expect(try machine.call(0x02, 0x1000) == 0)
        #expect(try machine.engine(0).flushes.count == 1)
        #expect(try machine.engine(1).flushes.isEmpty)
        #expect(try machine.engine(2).flushes.count == 1)
        // List with two pages: one by one on the own VP, whole elsewhere; the reply counts the reps.
        for index in 0..<3 { try machine.engine(index).flushes = [] }
        #expect(machine.memory.store(0x1018, UInt64(0x7000_0001)))
        #expect(try machine.call(0x03 | 1 << 32, 0x1000) == 1 << 32)
        #expect(try machine.engine(0).flushes == [0x7000_0000, 0x7000_1000])
        #expect(try machine.engine(2).flushes == [nil])
        // The extended range format is not offered.
        #expect(machine.memory.store(0x1008, UInt64(8)))
        #expect(try machine.call(0x02, 0x1000) == 0x5)
        // Ex with a sparse set that names VP 1.
        for index in 0..<3 { try machine.engine(index).flushes = [] }
        let set: [UInt64] = [0, 2, 0, 1, 2]
        #expect(machine.memory.write(0x1000, set.flatMap { [UInt8](littleEndian: $0) }))
        #expect(try machine.call(0x13 | 1 << 17, 0x1000) == 0)
        #expect(try machine.engine(1).flushes == [nil])
        #expect(try machine.engine(0).flushes.isEmpty)
        // Fewer banks than the mask promises.
        #expect(try machine.call(0x13, 0x1000) == 0x5)
    }

    @Test func clusterInterrupts() throws {
        let machine = try FakeMachine(count: 2)
        machine.enableHypercalls()
        for index in 0..<2 { machine.enableAPIC(index) }
        #expect(try machine.call(0x0b | 1 << 16, 0xf0, 2) == 0)
        #expect(machine.processor(1).apic.deliverable == 0xf0)
        #expect(machine.processor(0).apic.deliverable == nil)
        #expect(try machine.call(0x0b | 1 << 16, 0x0f, 2) == 0x5)
        #expect(try machine.call(0x0b | 1 << 16, 0x100, 2) == 0x5)
        #expect(try machine.call(0x0b | 1 << 16, 0x20 | 1 << 32, 2) == 0x5)
        // Ex with "all".
        #expect(machine.memory.write(0x1000, [UInt64(0x31), 1, 0].flatMap { [UInt8](littleEndian: $0) }))
        #expect(try machine.call(0x15, 0x1000) == 0)
        #expect(machine.processor(0).apic.deliverable == 0x31)
    }

    @Test func theRootCallsByTheSameWay() throws {
        let machine = try FakeMachine()
        let root = machine.hypervisor.root
        let reply = machine.hypervisor.call(as: root, control: HypercallControl(.getPartitionID), parameters: .bytes([]))
        #expect(reply.output == [UInt8](littleEndian: UInt64(1)))
        #expect(
            machine.hypervisor.call(as: machine.child, control: HypercallControl(.getPartitionID), parameters: .bytes([])).status
                == .accessDenied)
        // The only id is taken, and a second initialisation is refused.
        #expect(throws: HypervisorError.self) { try machine.hypervisor.initialisePartition(as: root, machine.child) }
        #expect(throws: HypervisorError.self) { _ = try machine.hypervisor.information(as: machine.child) }
        let information = try machine.hypervisor.information(as: root)
        #expect(information.map(\.id) == [1, 7])
        #expect(information[1].memoryBytes == 4 << 20)
        #expect(information[1].state == .active)
        #expect(information[0].hypercalls.first { $0.name == "HvCallCreatePartition" }?.count == 1)
        try machine.hypervisor.deletePartition(as: root, machine.child)
        #expect(machine.hypervisor.partitions.map(\.id) == [1])
    }
}

import DeviceModel
import HypervisorCore
import Processor
import Testing

/// Rubbish into every register, hypercall and page: nothing traps, and what comes out can be saved and restored.
@Suite struct HostileGuestTests {
    /// Marsaglia's xorshift64.
    struct Generator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        /// Small numbers, single bits, all ones, addresses and noise.
        mutating func value() -> UInt64 {
            switch next() % 6 {
            case 0: next() % 256
            case 1: 1 << (next() % 64)
            case 2: .max - next() % 16
            case 3: (next() % 1024) << 12 | next() % 2
            case 4: next() & 0xffff_ffff
            default: next()
            }
        }
        mutating func msr() -> UInt32 {
            let low = UInt32(next() % 0x120)
            return switch next() % 6 {
            case 0: 0x800 + low % 0x48
            case 1: low * 4 + UInt32(next() % 4)
            case 2: 0xc001_0000 + low
            case 3: UInt32(truncatingIfNeeded: next())
            default: 0x4000_0000 + low
            }
        }
        mutating func control() -> UInt64 {
            let codes = HypercallCode.allCases
            let code = next() % 8 == 0 ? next() & 0xffff : UInt64(codes[Int(next() % UInt64(codes.count))].rawValue)
            return switch next() % 4 {
            case 0: code | 1 << 16
            case 1: code | (next() % 600) << 32
            case 2: code | (next() % 4) << 17 | (next() % 3) << 32 | (next() % 3) << 48
            default: code | (next() % 8 == 0 ? next() & ~0xffff : 0)
            }
        }
    }

    @Test(arguments: [1, 20_261_122, 0x9e37_79b9_7f4a_7c15] as [UInt64])
    func rubbish(seed: UInt64) throws {
        var generator = Generator(state: seed)
        let machine = try FakeMachine(count: 3)
        let root = machine.hypervisor.root
        for step in 0..<40_000 {
            let index = Int(generator.next() % 3)
            let processor = machine.processor(index)
            switch generator.next() % 12 {
            case 0...2: machine.write(generator.msr(), generator.value(), index)
            case 3: _ = machine.read(generator.msr(), index)
            case 4, 5:
                if generator.next() % 4 == 0 { machine.enableHypercalls() }
                _ = machine.memory.store((generator.next() % 1024) << 3, generator.value())
                _ = try machine.call(generator.control(), generator.value(), generator.value(), index)
            case 6:
                let offset = generator.next() % 0x400
                _ = processor.writeMemory(0xfee0_0000 + offset, size: 4, value: generator.value() & 0xffff_ffff)
                _ = processor.readMemory(0xfee0_0000 + offset, size: 1 << Int(generator.next() % 4))
            case 7:
                let message = SyntheticMessage(type: UInt32(generator.next() % 9), sender: generator.next() % 3, payload: [1, 2, 3])
                let source = Int(generator.next() % 18)
                _ = machine.hypervisor.postMessage(as: root, to: machine.child, processor: index, source: source, message)
                let flag = Int(generator.next() % 2100)
                _ = machine.hypervisor.signalEvent(as: root, to: machine.child, processor: index, source: source, flag: flag)
            case 8: machine.child.send(InterruptMessage(address: generator.value(), data: UInt32(truncatingIfNeeded: generator.value())))
            case 9: _ = processor.cpuid(leaf: UInt32(truncatingIfNeeded: generator.value()), subleaf: 0)
            case 10:
                let engine = try machine.engine(index)
                engine.canAcceptInterrupt = generator.next() % 2 == 0
                _ = processor.runSlice(until: engine.instructionsRetired + 1)
            default:
                if step % 64 == 0 { machine.timers.advance(to: machine.timers.fakeClock.nanoseconds + generator.next() % 1_000_000) }
            }
        }
        let saved = try saveUnits(machine.child.units)
        let other = try FakeMachine(count: 3)
        other.timers.fakeClock.nanoseconds = machine.timers.fakeClock.nanoseconds
        try restoreUnits(other.child.units, from: saved)
        #expect(try saveUnits(other.child.units) == saved)
        machine.child.reset()
        #expect(machine.child.gpaSpace?.overlay(at: FakeMachine.hypercallPage) == nil)
    }
}

import CHost
import Processor
import Testing

/// What the host cannot be asked: the control bits that gate floating point, pending exceptions, and the formats outside 64-bit mode.
@Suite struct FloatingPointGateTests {
    private static let emulation: UInt64 = 4, taskSwitched: UInt64 = 8, monitor: UInt64 = 2
    private static let fxsr: UInt64 = 0x200, simd: UInt64 = 0x400

    /// The vector that ends `bytes`, a trailing HLT being the quiet end (nil).
    private func vector(
        _ bytes: [UInt8], set cr0: UInt64 = 0, clear: UInt64 = 0, cr4: UInt64 = fxsr | simd,
        _ change: (inout ProcessorState) -> Void = { _ in }
    ) throws -> Int? {
        let machine = try FlatMachine(.long, bytes + [0xf4])
        var state = machine.engine.state
        state.cr0 = (state.cr0 | cr0) & ~clear
        state.cr4 = state.cr4 & ~(Self.fxsr | Self.simd) | cr4
        change(&state)
        machine.engine.state = state
        let exit = machine.engine.run(until: machine.engine.instructionsRetired + 100)
        #expect(exit == .halted)
        let rip = machine.engine.instructionPointer
        return rip >= 0xa000 && rip < 0xa200 ? Int((rip - 0xa000) / 16) : nil
    }

    @Test func `TS and EM stop x87`() throws {
        for bytes in [[0xd9, 0xe8], [0xdb, 0xe3], [0xdf, 0xe0], [0x0f, 0xae, 0x04, 0x25, 0, 0, 0x02, 0]] as [[UInt8]] {
            #expect(try vector(bytes) == nil)
            #expect(try vector(bytes, set: Self.taskSwitched) == 7)
            #expect(try vector(bytes, set: Self.emulation) == 7)
        }
    }

    @Test func `FWAIT looks at TS and MP together`() throws {
        #expect(try vector([0x9b], set: Self.taskSwitched | Self.monitor) == 7)
        #expect(try vector([0x9b], set: Self.taskSwitched, clear: Self.monitor) == nil)
        #expect(try vector([0x9b], set: Self.emulation) == nil)
    }

    @Test func `MMX is undefined under EM and waits for TS`() throws {
        for bytes in [[0x0f, 0x77], [0x0f, 0xfc, 0xc1]] as [[UInt8]] {
            #expect(try vector(bytes) == nil)
            #expect(try vector(bytes, cr4: 0) == nil)
            #expect(try vector(bytes, set: Self.emulation) == 6)
            #expect(try vector(bytes, set: Self.taskSwitched) == 7)
        }
    }

    @Test func `SSE needs OSFXSR`() throws {
        for bytes in [[0x0f, 0x58, 0xc1], [0x66, 0x0f, 0xfc, 0xc1], [0x0f, 0xae, 0x1c, 0x25, 0, 0, 0x02, 0]] as [[UInt8]] {
            #expect(try vector(bytes) == nil)
            #expect(try vector(bytes, cr4: Self.simd) == 6)
            #expect(try vector(bytes, set: Self.emulation) == 6)
            #expect(try vector(bytes, set: Self.taskSwitched) == 7)
        }
    }

    @Test func `fences and MOVNTI are not gated`() throws {
        for bytes in [[0x0f, 0xae, 0xe8], [0x0f, 0xc3, 0x04, 0x25, 0, 0, 0x02, 0]] as [[UInt8]] {
            #expect(try vector(bytes, set: Self.taskSwitched | Self.emulation, cr4: 0) == nil)
        }
    }

    @Test func `an unmasked SSE exception is #XM or without OSXMMEXCPT #UD`() throws {
        // DIVSS XMM0, XMM1: 1 / 0 with ZM clear.
        func divide(_ state: inout ProcessorState) {
            state.mxcsr = 0x1d80
            state.vector[0] = 0x3f80_0000
            state.vector[2] = 0
        }
        #expect(try vector([0xf3, 0x0f, 0x5e, 0xc1], divide) == 19)
        #expect(try vector([0xf3, 0x0f, 0x5e, 0xc1], cr4: Self.fxsr, divide) == 6)
    }

    @Test func `a pending x87 exception is #MF at the next waiting instruction, NE or not`() throws {
        func pending(_ state: inout ProcessorState) {
            state.fcw = 0x37b
            state.fsw = 0x8084
        }
        #expect(try vector([0xd9, 0xe8], pending) == 16)
        #expect(try vector([0x9b], pending) == 16)
        #expect(try vector([0x0f, 0xfc, 0xc1], pending) == 16)
        #expect(try vector([0xd9, 0xe8], clear: 0x20, pending) == 16)
        #expect(try vector([0xdf, 0xe0], pending) == nil)
        #expect(try vector([0xdb, 0xe2, 0xd9, 0xe8], pending) == nil)
    }

    @Test func `reserved MXCSR bits and misaligned operands are #GP`() throws {
        // MOV DWORD [0x20000], 0x10000; LDMXCSR [0x20000]
        #expect(try vector([0xc7, 0x04, 0x25, 0, 0, 0x02, 0, 0, 0, 1, 0, 0x0f, 0xae, 0x14, 0x25, 0, 0, 0x02, 0]) == 13)
        // FXSAVE, MOVAPS and MOVUPS at 0x20008.
        #expect(try vector([0x0f, 0xae, 0x04, 0x25, 8, 0, 0x02, 0]) == 13)
        #expect(try vector([0x0f, 0x28, 0x04, 0x25, 8, 0, 0x02, 0]) == 13)
        #expect(try vector([0x0f, 0x10, 0x04, 0x25, 8, 0, 0x02, 0]) == nil)
    }

    @Test func `SSE3 and later are undefined`() throws {
        // FISTTP, MOVDDUP, ADDSUBPS, PSHUFB, PCMPEQQ, CRC32, LDDQU.
        let later: [[UInt8]] = [
            [0xdb, 0x0c, 0x25, 0, 0, 0x02, 0], [0xf2, 0x0f, 0x12, 0xc1], [0xf2, 0x0f, 0xd0, 0xc1], [0x0f, 0x38, 0x00, 0xc1],
            [0x66, 0x0f, 0x38, 0x29, 0xc1], [0xf2, 0x0f, 0x38, 0xf0, 0xc1], [0xf2, 0x0f, 0xf0, 0x04, 0x25, 0, 0, 0x02, 0],
        ]
        for bytes in later { #expect(try vector(bytes) == 6) }
    }

    @Test func `real mode stores a linear instruction pointer`() throws {
        // FNINIT; FLD1; FNSTENV [0x400]; HLT at 1000:0000. FLD1 is at 10002.
        let machine = try FlatMachine(.real, [0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0x36, 0x00, 0x04, 0xf4])
        #expect(machine.engine.run(until: machine.engine.instructionsRetired + 10) == .halted)
        #expect(machine.memory.load(0x400, as: UInt16.self) == 0x37f)
        #expect(machine.memory.load(0x402, as: UInt16.self) == 0x3800)
        #expect(machine.memory.load(0x404, as: UInt16.self) == 0x3fff)
        #expect(machine.memory.load(0x406, as: UInt16.self) == 0x0002)
        #expect(machine.memory.load(0x408, as: UInt16.self).map { $0 >> 12 } == 1)
    }

    @Test func `32-bit protected mode saves and restores the whole x87`() throws {
        // FNINIT; FLDPI; FLD1; FNSAVE [0x20000]; FRSTOR [0x20000]; FXSAVE [0x20400]; HLT
        let machine = try FlatMachine(
            .protected,
            [
                0xdb, 0xe3, 0xd9, 0xeb, 0xd9, 0xe8, 0xdd, 0x35, 0, 0, 0x02, 0, 0xdd, 0x25, 0, 0, 0x02, 0, 0x0f, 0xae, 0x05, 0, 0x04, 0x02,
                0,
                0xf4,
            ])
        #expect(machine.engine.run(until: machine.engine.instructionsRetired + 20) == .halted)
        #expect(machine.memory.load(0x20008, as: UInt32.self) == 0xffff_0fff)
        #expect(machine.memory.load(0x2001c, as: UInt64.self) == 0x8000_0000_0000_0000)
        #expect(machine.memory.load(0x20026, as: UInt64.self) == 0xc90f_daa2_2168_c235)
        #expect(machine.memory.load(0x20404, as: UInt8.self) == 0xc0)
        #expect(machine.memory.load(0x20420, as: UInt64.self) == 0x8000_0000_0000_0000)
        #expect(machine.memory.load(0x2041c, as: UInt32.self) == 0xffff)
    }

    @Test func `FXRSTOR takes the pointers with no exception pending`() throws {
        // FNINIT; FXSAVE [0x20000]; MOV DWORD [0x20006 …], FLD1; FXRSTOR [0x20000]; FNSTENV [0x20400]
        let store: (UInt8, UInt8) -> [UInt8] = { [0xc6, 0x04, 0x25, $0, 0, 0x02, 0, $1] }
        let save: [UInt8] = [0xdb, 0xe3, 0x0f, 0xae, 0x04, 0x25, 0, 0, 0x02, 0]
        let change = store(6, 0x12) + store(8, 0x34) + store(12, 0x56) + store(16, 0x78) + store(20, 0x9a)
        let environment: [UInt8] = [0xd9, 0x34, 0x25, 0, 0x04, 0x02, 0, 0xf4]
        for isWide in [false, true] {
            let restore: [UInt8] = (isWide ? [0x48] : []) + [0x0f, 0xae, 0x0c, 0x25, 0, 0, 0x02, 0]
            let machine = try FlatMachine(.long, save + change + [0xd9, 0xe8] + restore + environment)
            #expect(machine.run(100) == .halted)
            #expect(machine.memory.load(0x2040c, as: UInt32.self) == 0x34)
            #expect(machine.memory.load(0x20410, as: UInt32.self) == (isWide ? 0x12_0000 : 0x12_0056))
            #expect(machine.memory.load(0x20414, as: UInt32.self) == 0x78)
            #expect(machine.memory.load(0x20418, as: UInt32.self) == (isWide ? 0xffff_0000 : 0xffff_009a))
        }
    }

    @Test func `the short FLDENV clears the opcode`() throws {
        // FLD1; FNSTENV16 [0x20000]; FLD1; FLDENV16 [0x20000]; FNSTENV [0x20400]; HLT
        let machine = try FlatMachine(
            .long,
            [
                0xd9, 0xe8, 0x66, 0xd9, 0x34, 0x25, 0, 0, 0x02, 0, 0xd9, 0xe8, 0x66, 0xd9, 0x24, 0x25, 0, 0, 0x02, 0,
                0xd9, 0x34, 0x25, 0, 0x04, 0x02, 0, 0xf4,
            ])
        #expect(machine.run(100) == .halted)
        #expect(machine.memory.load(0x2040c, as: UInt32.self) == 0)
        #expect(machine.memory.load(0x20412, as: UInt16.self) == 0)
    }

    @Test func `misalignment of CMPXCHG16B goes before the stack fault`() throws {
        for (address, vector) in [(0x8000_0000_0006, 13), (0x8000_0000_0010, 12)] as [(UInt64, Int)] {
            let machine = try FlatMachine(.long, [0x48, 0x0f, 0xc7, 0x4d, 0x00, 0xf4])
            machine[5] = address
            #expect(machine.run(100) == .halted)
            #expect(machine.vector == vector)
        }
    }
}

import DeviceModel
import Processor
import Testing

/// Instructions that lie on two pages become code of their own: at every split they do what the interpreter does, also when their second
/// half is written, comes to lie elsewhere, or goes.
@Suite(.enabled(if: Translation.isPossible, "the host refuses executable memory")) struct CrossPageTests {
    private static let second: UInt64 = FlatMachine.code + 0x1000
    private static let other: UInt64 = 0x30_1000

    /// What of each form may lie over the boundary, with what it is about around RBX.
    private static let instructions: [[UInt8]] = [
        // ADD [RBX + 8], imm32; MOV RAX, imm64; ADD RBP, [RBX + disp32]
        [0x81, 0x43, 8, 1, 2, 3, 4], [0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], [0x48, 0x03, 0xab, 0x10, 0, 0, 0],
        // PADDD XMM1, [RBX + disp32]; MOVUPS [RBX + disp32], XMM1; FADD QWORD [RBX + disp32]
        [0x66, 0x0f, 0xfe, 0x8b, 0, 0, 0, 0], [0x0f, 0x11, 0x8b, 0x40, 0, 0, 0], [0xdc, 0x83, 0x10, 0, 0, 0],
        // JNZ to the next; CALL to the next, ADD RSP, 8; LOCK XADD [RBX + disp32], RCX
        [0x0f, 0x85, 0, 0, 0, 0], [0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 8], [0xf0, 0x48, 0x0f, 0xc1, 0x8b, 0x18, 0, 0, 0],
        // STI in front of it: CMP RAX, imm32; RDTSC twice; MOV ES, AX where AX is 0
        [0xfb, 0x48, 0x3d, 1, 2, 3, 4], [0x0f, 0x31, 0x0f, 0x31], [0x31, 0xc0, 0x8e, 0xc0],
    ]

    /// A jump to a NOP in front of the instruction, of which `split` bytes lie in the first page; `tail`, then twenty times again.
    private static func program(_ instruction: [UInt8], split: Int, tail: [UInt8] = []) -> [UInt8] {
        var program = [UInt8](repeating: 0x90, count: 0x1000 - split)
        func jump(_ opcode: [UInt8], from place: Int, to target: Int) -> [UInt8] {
            let distance = UInt32(bitPattern: Int32(target - place - opcode.count - 4))
            return opcode + (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) }
        }
        program.replaceSubrange(0..<5, with: jump([0xe9], from: 0, to: program.count - 1))
        program += instruction + tail
        // DEC DWORD [0x300000]; JNZ to the start; HLT
        program += [0xff, 0x0c, 0x25, 0, 0, 0x30, 0]
        return program + jump([0x0f, 0x85], from: program.count, to: 0) + [0xf4]
    }

    private static func check(_ program: [UInt8], seed: UInt64, threshold: UInt16, prepare: (FlatMachine) -> Void = { _ in }) throws {
        let comparison = LockstepComparison(limit: 3000, ranges: [(LockstepTests.data, 0x2000), (0x80000 - 64, 64), (second, 0x1000)])
        try comparison.check(seed: seed, threshold: threshold) {
            let machine = try LockstepTests.machine(program, seed, translating: $0, threshold: $1)
            _ = machine.memory.store(0x30_0000, UInt32(20))
            prepare(machine)
            return machine
        }
    }

    @Test(arguments: [0, 3] as [UInt16]) func everySplitAgrees(threshold: UInt16) throws {
        for (number, instruction) in Self.instructions.enumerated() {
            for split in 1..<instruction.count {
                try Self.check(
                    Self.program(instruction, split: split), seed: UInt64(number * 16 + split), threshold: threshold)
            }
        }
    }

    /// The first byte of the second page is part of the constant; each round adds one to it.
    @Test(arguments: [0, 3] as [UInt16]) func aSecondHalfThatIsWrittenIsDecodedAgain(threshold: UInt16) throws {
        // MOV EAX, imm32 with three bytes in the second page; ADD EBP, EAX; INC BYTE [the second page]
        let page = (0..<4).map { UInt8(truncatingIfNeeded: Self.second >> ($0 * 8)) }
        let program = Self.program([0xb8, 1, 2, 3, 4], split: 2, tail: [0x01, 0xc5, 0xfe, 0x04, 0x25] + page)
        try Self.check(program, seed: 1, threshold: threshold)
    }

    /// Each fourth round exchanges what the second page's entry says with another's, and INVLPG; both pages hold the rest, with another
    /// constant.
    @Test(arguments: [0, 3] as [UInt16]) func aSecondHalfThatLiesElsewhereIsAnother(threshold: UInt16) throws {
        let entry = 0x4000 + (Self.second >> 12) * 8
        let (low, high) = (UInt8(truncatingIfNeeded: entry), UInt8(truncatingIfNeeded: entry >> 8))
        // XOR QWORD [entry], the two pages' difference; INVLPG [the second page]
        let exchange: [UInt8] =
            [0x48, 0x81, 0x34, 0x25, low, high, 0, 0] + Self.word(UInt32(Self.second ^ Self.other)) + [0x0f, 0x01, 0x3c, 0x25]
            + Self.word(UInt32(Self.second))
        // ADD EBP, EAX; INC R12D; TEST R12B, 3; JNZ over the exchange
        let tail: [UInt8] = [0x01, 0xc5, 0x41, 0xff, 0xc4, 0x41, 0xf6, 0xc4, 3, 0x75, UInt8(exchange.count)] + exchange
        let program = Self.program([0xb8, 1, 2, 3, 4], split: 2, tail: tail)
        for isGlobal in [false, true] {
            try Self.check(program, seed: 2, threshold: threshold) { machine in
                let rest = Array(program[0x1000...])
                _ = machine.memory.write(Self.other, [rest[0] ^ 0x55] + rest.dropFirst())
                if isGlobal { machine.setPageEntry(Self.second, machine.pageEntry(Self.second) | 0x100) }
            }
        }
    }

    /// The second page goes after ten rounds: the fetch of its first byte faults, at the instruction.
    @Test func aSecondHalfThatGoesFaults() throws {
        let program = Self.program([0xb8, 1, 2, 3, 4], split: 2)
        let machine = try FlatMachine(.long, program, translating: true, threshold: 0)
        _ = machine.memory.store(0x30_0000, UInt32(20))
        #expect(machine.run(50) == .limit)
        #expect(machine.engine.instructionPointer == FlatMachine.code)
        machine.setPageEntry(Self.second, 0)
        machine.run(3000)
        #expect(machine.vector == 14 && machine.engine.state.cr2 == Self.second)
        #expect(machine.word(machine[4] + 8) == Self.second - 2)
    }

    private static func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
}

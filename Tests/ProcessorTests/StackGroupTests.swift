import CHost
import DeviceModel
import Processor
import Testing

/// Pushes and pops whose places are looked up together: over two pages, with faults in the middle, protection that changes between them, and
/// on a page with code, they do what the interpreter does one by one.
@Suite(.enabled(if: Translation.isPossible, "the host refuses executable memory")) struct StackGroupTests {
    private typealias Generator = LockstepTests.Generator

    /// One instruction, or a call of a few that leave the stack as it was. R8 and RSP keep what the loop wants of them.
    private static func instruction(_ random: inout Generator, _ depth: inout Int) -> [UInt8] {
        let byte = UInt8.random(in: 0...255, using: &random)
        let low = ([0, 1, 2, 3, 5, 6, 7] as [UInt8])[Int(byte) % 7]
        switch Int.random(in: 0..<30, using: &random) {
        case 0..<8:
            depth += 1
            return byte & 1 == 0 ? [0x50 | low] : [0x41, 0x50 | byte >> 1 & 7]
        case 8:
            depth += 1
            return byte & 1 == 0 ? [0x6a, byte] : [0x68, byte, byte, 0, byte]
        case 9..<16:
            depth -= 1
            let high = byte >> 1 & 7
            return byte & 1 == 0 || high == 0 ? [0x58 | low] : [0x41, 0x58 | high]
        // XOR R12D, R12D; CMP EDI, n; ADD EAX, EBP; LEA RBX, [RAX + RCX * 2 + n]; MOV EDI, EBP; MOVSXD RAX, EBP; TEST EBX, EBX; SUB RSI, RDX
        case 16..<21:
            return
                ([
                    [0x45, 0x31, 0xe4], [0x83, 0xff, byte], [0x01, 0xe8], [0x48, 0x8d, 0x5c, 0x48, byte], [0x89, 0xef], [0x48, 0x63, 0xc5],
                    [0x85, 0xdb], [0x48, 0x29, 0xd6],
                ] as [[UInt8]])[Int(byte & 7)]
        // INC EBP; SETC AL; ADC RCX, RDX; ADD R13, RAX; MOV R14, RSP; SHL EBX, 3; AND R15D, EDI; CMP R13, R14
        case 21..<24:
            return
                ([
                    [0xff, 0xc5], [0x0f, 0x92, 0xc0], [0x48, 0x11, 0xd1], [0x49, 0x01, 0xc5], [0x49, 0x89, 0xe6], [0xc1, 0xe3, 3],
                    [0x41, 0x21, 0xff], [0x4d, 0x39, 0xf5],
                ] as [[UInt8]])[Int(byte & 7)]
        // A forward Jcc over a NOP
        case 24: return [0x70 | byte & 15, 1, 0x90]
        // PUSH RSP; MOVQ XMM15, RAX with PADDD XMM1, XMM15; MOV RAX, [RSP]; PUSHF
        case 25:
            if byte & 1 == 0 { depth += 1 }
            return
                ([[0x54], [0x66, 0x4c, 0x0f, 0x6e, 0xf8, 0x66, 0x41, 0x0f, 0xfe, 0xcf], [0x9c], [0x48, 0x8b, 0x04, 0x24]]
                as [[UInt8]])[Int(byte & 3)]
        // CALL over a JMP of what pushes and pops, then RET
        case 26..<29:
            let body =
                [0x55, 0x45, 0x31, 0xe4, 0x53, 0x41, 0x55]
                + ([[], [0x83, 0xff, byte, 0x7e, 1, 0x90], [0x48, 0x01, 0xc2], [0xff, 0xc5]] as [[UInt8]])[Int(byte & 3)]
                + [0x41, 0x5d, 0x5b, 0x31, 0xd2, 0x5d, 0xc3]
            return [0xe8, 2, 0, 0, 0, 0xeb, UInt8(body.count)] + body
        default:
            // BTC [the page's entry], 1; INVLPG [the page]
            return byte < 200 ? [0x90] : [0x0f, 0xba, 0x3c, 0x25, 0xf8, 0x43, 0, 0, 1, 0x0f, 0x01, 0x3c, 0x25, 0, 0xf0, 7, 0]
        }
    }

    /// A loop that begins 8 bytes lower on the stack each time.
    private static func program(_ random: inout Generator) -> [UInt8] {
        // MOV RSP, R8; SUB R8, 8
        var program: [UInt8] = [0x4c, 0x89, 0xc4, 0x49, 0x83, 0xe8, 8]
        var depth = 0
        for _ in 0..<40 { program += instruction(&random, &depth) }
        // DEC DWORD [0x300000]; JNZ to the start; HLT
        program += [0xff, 0x0c, 0x25, 0, 0, 0x30, 0, 0x0f, 0x85]
        let distance = UInt32(bitPattern: -Int32(program.count + 4))
        return program + (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) } + [0xf4]
    }

    private static func machine(_ program: [UInt8], _ seed: UInt64, translating: Bool, threshold: UInt16) throws -> FlatMachine {
        var random = Generator(state: seed | 1)
        let machine = try FlatMachine(.long, program, translating: translating, threshold: threshold)
        for number in 0..<16 where number != 4 { machine[number] = random.next() >> (number & 1 == 0 ? 0 : 33) }
        machine[8] =
            (seed % 5 == 0 ? FlatMachine.code + 0xf00 : 0x80000) + UInt64.random(in: 0...24, using: &random) * 8 - (seed % 7 == 0 ? 3 : 0)
        _ = machine.memory.store(0x30_0000, UInt32(40))
        // Every third has nothing above the boundary.
        if seed % 3 == 0 { machine.setPageEntry(0x80000, 0) }
        return machine
    }

    @Test(arguments: [0, 3] as [UInt16]) func groupsAgreeWithRoutines(threshold: UInt16) throws {
        let comparison = LockstepComparison(limit: 20000, ranges: [(0x7e000, 0x4000), (FlatMachine.code, 0x1000)])
        for seed in 1...400 as ClosedRange<UInt64> {
            var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
            let program = Self.program(&random)
            try comparison.check(seed: seed, threshold: threshold) {
                try Self.machine(program, seed, translating: $0, threshold: $1)
            }
        }
    }

    /// POP RAX, POP RCX, POP RDX with the third word on a page that is not there: the first two are done, the third faults.
    @Test func aFaultInTheMiddleIsTheInstructionsOwn() throws {
        let machine = try FlatMachine(.long, [0x58, 0x59, 0x5a, 0xf4], translating: true)
        machine[4] = 0x80000 - 16
        _ = machine.memory.store(0x80000 - 16, UInt64(11))
        _ = machine.memory.store(0x80000 - 8, UInt64(22))
        machine.setPageEntry(0x80000, 0)
        machine.run(4)
        machine.run()
        #expect(machine.vector == 14 && machine.engine.state.cr2 == 0x80000)
        #expect(machine[0] == 11 && machine[1] == 22 && machine[2] == 0)
        // Error code, then the RIP of the third.
        #expect(machine.word(machine[4] + 8) == FlatMachine.code + 2)
        #expect(machine.word(machine[4] + 32) == 0x80000)
    }

    /// Three pushes over the boundary, where the lower page may not be written: the two above it are done, the third faults.
    @Test func pushesBeforeTheProtectedPageAreDone() throws {
        // PUSH RAX, PUSH RCX, PUSH RDX
        let machine = try FlatMachine(.long, [0x50, 0x51, 0x52, 0xf4], translating: true)
        (machine[0], machine[1], machine[2], machine[4]) = (1, 2, 3, 0x80010)
        machine.setPageEntry(0x7f000, 0x7f005)
        machine.run()
        #expect(machine.word(0x80008) == 1 && machine.word(0x80000) == 2 && machine.word(0x7fff8) == 0)
        #expect(machine.engine.state.cr2 == 0x7fff8)
    }
}

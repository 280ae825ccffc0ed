import CHost
import DeviceModel
import Processor
import Testing

/// Specialised handlers against routines: the same random program once in blocks, once an instruction at a time (which uses routines
/// only), and in chunks of random size. State, flags, memory and counts must be the same.
@Suite struct LockstepTests {
    /// xorshift64*; the seed names the case.
    struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_f491_4f6c_dd1d
        }
    }

    static let data: UInt64 = 0x20_0000

    /// One instruction of the general-purpose set whose memory operands lie around RBX, RSI, RDI or R8 plus a small index in R9.
    static func instruction(_ random: inout Generator) -> [UInt8] {
        var bytes: [UInt8] = []
        let kind = Int.random(in: 0..<25, using: &random)
        if Int.random(in: 0..<6, using: &random) == 0, ![15, 16, 17, 22, 23].contains(kind) { bytes.append(0x66) }
        var rex: UInt8 = 0x40 | (Bool.random(using: &random) ? 8 : 0)
        let useRex = Int.random(in: 0..<3, using: &random) > 0
        if !useRex { rex = 0 }
        // Never RSP, RBX, RSI, RDI, R8, R9 as destinations.
        let registers: [UInt8] = useRex ? [0, 1, 2, 5, 10, 11, 12, 13, 14, 15] : [0, 1, 2, 5]
        func operand(_ reg: UInt8?, memory: Bool) -> [UInt8] {
            let number = reg ?? registers.randomElement(using: &random) ?? 0
            if number >= 8 { rex |= 4 }
            let field = (number & 7) << 3
            if !memory {
                let rm = registers.randomElement(using: &random) ?? 0
                if rm >= 8 { rex |= 1 }
                return [0xc0 | field | rm & 7]
            }
            let base = ([3, 6, 7] as [UInt8]).randomElement(using: &random) ?? 3
            let displacement = UInt8.random(in: 0...127, using: &random)
            if useRex, Bool.random(using: &random) {
                rex |= 2
                return [0x44 | field, UInt8.random(in: 0...3, using: &random) << 6 | 1 << 3 | base, displacement]
            }
            return [0x40 | field | base, displacement]
        }
        func assemble(_ opcode: [UInt8], _ rest: [UInt8]) -> [UInt8] { bytes + (useRex ? [rex] : []) + opcode + rest }
        let memory = Bool.random(using: &random)
        let byte = UInt8.random(in: 0...255, using: &random)
        let wide16 = bytes.first == 0x66
        func immediate(_ form: UInt8) -> [UInt8] {
            let count = form == 0x81 || form == 0xf7 || form == 0x69 ? (wide16 && rex & 8 == 0 ? 2 : 4) : 1
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        // AH, CH, DH and BH are registers 4–7 without REX; RBX and RSP keep their values.
        switch kind {
        case 0, 1, 2:
            let opcode = UInt8.random(in: 0...7, using: &random) << 3 | UInt8.random(in: 0...3, using: &random)
            return assemble([opcode], operand(nil, memory: memory))
        case 3, 4:
            let opcode = ([0x80, 0x81, 0x83] as [UInt8]).randomElement(using: &random) ?? 0x83
            let rest = operand(UInt8.random(in: 0...7, using: &random), memory: memory)
            return assemble([opcode], rest + immediate(opcode))
        case 5:
            return assemble([([0x88, 0x89, 0x8a, 0x8b] as [UInt8]).randomElement(using: &random) ?? 0x8b], operand(nil, memory: memory))
        case 6: return assemble([([0x84, 0x85] as [UInt8]).randomElement(using: &random) ?? 0x85], operand(nil, memory: memory))
        case 7:
            return assemble(
                [0x0f, ([0xb6, 0xb7, 0xbe, 0xbf] as [UInt8]).randomElement(using: &random) ?? 0xb6], operand(nil, memory: memory))
        case 8:
            return assemble(
                [([0xc0, 0xc1] as [UInt8]).randomElement(using: &random) ?? 0xc1],
                operand(UInt8.random(in: 0...7, using: &random), memory: memory) + [byte])
        case 9:
            return assemble(
                [([0xd0, 0xd1, 0xd2, 0xd3] as [UInt8]).randomElement(using: &random) ?? 0xd1],
                operand(UInt8.random(in: 0...7, using: &random), memory: memory))
        case 10:
            return assemble(
                [([0xfe, 0xff] as [UInt8]).randomElement(using: &random) ?? 0xff],
                operand(UInt8.random(in: 0...1, using: &random), memory: memory))
        case 11:
            return assemble(
                [([0xf6, 0xf7] as [UInt8]).randomElement(using: &random) ?? 0xf7],
                operand(UInt8.random(in: 2...5, using: &random), memory: memory))
        case 12: return assemble([0x0f, 0x40 | byte & 15], operand(nil, memory: memory))
        case 13: return assemble([0x0f, 0x90 | byte & 15], operand(0, memory: memory))
        case 14: return assemble([0x0f, 0xaf], operand(nil, memory: memory))
        case 15: return assemble([0x6b], operand(nil, memory: memory) + [byte])
        case 16: return assemble([0x8d], operand(nil, memory: true))
        case 17: return assemble([0x63], operand(nil, memory: memory))
        case 18:
            return assemble(
                [0x0f, ([0xa3, 0xab, 0xb3, 0xbb, 0xbc, 0xbd, 0xc0, 0xc1, 0xb0, 0xb1] as [UInt8]).randomElement(using: &random) ?? 0xa3],
                operand(nil, memory: false))
        case 19:
            return assemble(
                [0x0f, ([0xa4, 0xac] as [UInt8]).randomElement(using: &random) ?? 0xa4], operand(nil, memory: memory) + [byte])
        case 20: return [([0x98, 0x99, 0xf5, 0xf8, 0xf9] as [UInt8]).randomElement(using: &random) ?? 0xf5]
        case 22:
            let place = UInt8.random(in: 0...7, using: &random) << 4
            switch byte & 7 {
            // BTS, BTR, BTC [RBX + d], R9D or R9
            case 4: return [0x44 | byte & 8, 0x0f, [0xab, 0xb3, 0xbb][Int(byte >> 4) % 3], 0x4b, place]
            case 5: return [0xf0, 0x44 | byte & 8, 0x0f, [0xab, 0xb3, 0xbb][Int(byte >> 4) % 3], 0x4b, place]
            // CQO, IDIV R9; CDQ, IDIV EBP, where that fits
            case 6: return [0x48, 0x99, 0x49, 0xf7, 0xf9]
            case 7: return [0x83, 0xcd, 0x05, 0x99, 0xf7, 0xfd]
            // PUSH [RBX + d], POP RBP; BT [RBX + d], R9D or R9; CMPXCHG16B [R8 + d]
            case 0: return [0xff, 0x73, place, 0x5d]
            case 1: return [0x44 | byte & 8, 0x0f, 0xa3, 0x4b, place]
            // SHLD or SHRD EDX, EBP, CL
            case 2: return [0x0f, byte & 8 == 0 ? 0xa5 : 0xad, 0xea]
            default: return (byte & 8 == 0 ? [0xf0] : []) + [0x49, 0x0f, 0xc7, 0x48, place]
            }
        case 23:
            // MOV EBP, R13 or BP from CS … GS; CLI, STI, SWAPGS, PUSHF with POPF; STD, CLD; PUSH RDI, MOV ECX, n, REP STOSB, POP RDI
            if byte & 0xf0 == 0x10 { return [[0x8c], [0x49, 0x8c], [0x66, 0x8c]][Int(byte) % 3] + [0xc5 | (byte % 6) << 3] }
            if byte & 0xf0 == 0 { return byte & 1 == 0 ? [0xfd] : [0xfc] }
            if byte & 4 != 0 { return [0x57, 0xb9, byte >> 3, 0, 0, 0, 0xf3, 0xaa, 0x5f] }
            return ([[0xfa], [0xfb], [0x0f, 0x01, 0xf8], [0x9c, 0x9d]] as [[UInt8]])[Int(byte & 3)]
        case 21: return byte & 1 == 0 ? [0x50, 0x5d] : [0x9c, 0x5a]
        default:
            // A forward Jcc over one byte of NOP, fused with what stands before it.
            return [0x70 | byte & 15, 1, 0x90]
        }
    }

    static func machine(
        _ program: [UInt8], _ seed: UInt64, translating: Bool = false, codeLimit: Int? = nil, threshold: UInt16 = 0, usesBMI2: Bool = true
    ) throws -> FlatMachine {
        var random = Generator(state: seed | 1)
        let machine = try FlatMachine(
            .long, program, translating: translating, codeLimit: codeLimit, threshold: threshold, usesBMI2: usesBMI2)
        for number in 0..<16 where number != 4 { machine[number] = random.next() >> (number & 1 == 0 ? 0 : 33) }
        machine[3] = data + 0x800
        machine[6] = data + 0xfc0
        machine[7] = data + 0x1200
        machine[8] = data
        machine[9] = 5
        _ = machine.memory.write(data, (0..<0x2000).map { _ in UInt8.random(in: 0...255, using: &random) })
        return machine
    }

    /// RORX, where there is none, is a move and a shift; nothing else may differ.
    @Test(.enabled(if: Translation.isPossible, "the host refuses executable memory"))
    func hostsWithoutBMI2TranslateToo() throws {
        for seed in 1...400 as ClosedRange<UInt64> {
            var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
            let program: [UInt8] = (0..<40).flatMap { _ in Self.instruction(&random) } + [0xf4]
            let without = try Self.machine(program, seed, translating: true, usesBMI2: false)
            let wanted = try Self.machine(program, seed)
            let (ended, expected) = (without.run(), wanted.run())
            #expect(ended == expected && without.engine.state == wanted.engine.state, "seed \(seed)")
            #expect(without.memory.read(Self.data, count: 0x2000) == wanted.memory.read(Self.data, count: 0x2000), "seed \(seed)")
        }
    }

    @Test(arguments: engines) func handlersAgreeWithRoutines(translating: Bool) throws {
        for seed in 1...400 as ClosedRange<UInt64> {
            var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
            let program: [UInt8] = (0..<40).flatMap { _ in Self.instruction(&random) } + [0xf4]
            let blocks = try Self.machine(program, seed, translating: translating)
            let chunks = try Self.machine(program, seed, translating: translating)
            let steps = try Self.machine(program, seed)
            while steps.run(steps.engine.instructionsRetired + 1) == .limit {}
            while chunks.run(chunks.engine.instructionsRetired + UInt64.random(in: 1...9, using: &random)) == .limit {}
            #expect(blocks.run() == .halted)
            let expected = steps.engine.state
            #expect(blocks.engine.state == expected, "seed \(seed)")
            #expect(chunks.engine.state == expected, "seed \(seed)")
            let memory = steps.memory.read(Self.data, count: 0x2000)
            #expect(blocks.memory.read(Self.data, count: 0x2000) == memory, "seed \(seed)")
            #expect(chunks.memory.read(Self.data, count: 0x2000) == memory, "seed \(seed)")
            #expect(translating == (blocks.engine.counters.blocksTranslated > 0))
        }
    }

    /// A random loop: pieces of random instructions between branches of every kind, over and into each other, and a count in memory.
    static func loop(_ random: inout Generator) -> [UInt8] {
        var program: [UInt8] = []
        func piece(_ longest: Int) -> [UInt8] { (0..<Int.random(in: 0...longest, using: &random)).flatMap { _ in instruction(&random) } }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            program += piece(5)
            let skipped = piece(4)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: program += [0xeb, UInt8(skipped.count)] + skipped
            // CALL of a piece that ends with RET, then JMP over it
            case 1:
                let body = piece(3) + [0xc3]
                program += [0xe8, 2, 0, 0, 0, 0xeb, UInt8(body.count)] + body
            // LEA RAX, [RIP + n]; JMP RAX
            case 2: program += [0x48, 0x8d, 0x05, 2 + UInt8(skipped.count), 0, 0, 0, 0xff, 0xe0] + skipped
            default: program += [0x70 | UInt8.random(in: 0...15, using: &random), UInt8(skipped.count)] + skipped
            }
        }
        // DEC DWORD [0x300000]; JNZ to the start; HLT
        program += [0xff, 0x0c, 0x25, 0, 0, 0x30, 0, 0x0f, 0x85]
        let distance = UInt32(bitPattern: -Int32(program.count + 4))
        return program + (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) } + [0xf4]
    }

    /// Loops become traces: their ways out in the middle, their counts and the flags that wait there.
    @Test(.enabled(if: Translation.isPossible, "the host refuses executable memory"), arguments: [0, 3] as [UInt16])
    func loopsAgreeWithRoutines(threshold: UInt16) throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
            let program = Self.loop(&random)
            let steps = try Self.machine(program, seed)
            let whole = try Self.machine(program, seed, translating: true, threshold: threshold)
            let chunks = try Self.machine(program, seed, translating: true, threshold: threshold)
            for machine in [steps, whole, chunks] { _ = machine.memory.store(0x30_0000, UInt32(25)) }
            #expect(whole.run() == .halted)
            var count: UInt64 = 0
            while true {
                count += UInt64.random(in: 1...70, using: &random)
                guard chunks.run(count) == .limit else { break }
                #expect(chunks.engine.instructionsRetired == count, "seed \(seed)")
                while steps.engine.instructionsRetired < count { steps.run(steps.engine.instructionsRetired + 1) }
                let isSame = chunks.engine.state == steps.engine.state
                #expect(isSame, "seed \(seed) after \(count) instructions")
                if !isSame { return }
            }
            #expect(steps.run() == .halted)
            #expect(whole.engine.state == steps.engine.state && chunks.engine.state == steps.engine.state, "seed \(seed)")
            let memory = steps.memory.read(Self.data, count: 0x2000)
            #expect(whole.memory.read(Self.data, count: 0x2000) == memory, "seed \(seed)")
            #expect(chunks.memory.read(Self.data, count: 0x2000) == memory, "seed \(seed)")
            #expect(whole.engine.counters.blocksTranslated > 0)
        }
    }

    /// With and without the translator, where the host lets code be made.
    private static let engines = Translation.isPossible ? [false, true] : [false]

    /// A long program goes round and round in code memory that holds a part of it, so that all code is dropped again and again: between
    /// blocks, behind jumps that were patched, with other blocks on two pages.
    @Test(
        .enabled(if: Translation.isPossible, "the host refuses executable memory"), arguments: 1...4 as ClosedRange<UInt64>)
    func droppedCodeIsMadeAgain(seed: UInt64) throws {
        var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
        var program: [UInt8] = (0..<1500).flatMap { _ in Self.instruction(&random) }
        // DEC DWORD [0x300000]; JNZ to the start; HLT
        program += [0xff, 0x0c, 0x25, 0, 0, 0x30, 0, 0x0f, 0x85]
        let distance = UInt32(bitPattern: -Int32(program.count + 4))
        program += (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) } + [0xf4]
        let machines = [
            try Self.machine(program, seed), try Self.machine(program, seed, translating: true),
            try Self.machine(program, seed, translating: true, codeLimit: 160 << 10),
        ]
        for machine in machines {
            _ = machine.memory.store(0x30_0000, UInt32(40))
            #expect(machine.run() == .halted)
        }
        for machine in machines.dropFirst() {
            #expect(machine.engine.state == machines[0].engine.state)
            #expect(machine.memory.read(Self.data, count: 0x2000) == machines[0].memory.read(Self.data, count: 0x2000))
        }
        #expect(machines[0].engine.state.halted && machines[1].engine.counters.codeResets == 0)
        #expect(machines[2].engine.counters.codeResets > 10)
    }
}

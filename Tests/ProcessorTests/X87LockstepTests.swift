import Processor
import Testing

/// The x87 in the host's hands against the routines: random loops of x87 instructions among others, in chunks of random size. Registers,
/// status, tags and the pointers of FNSTENV must be the same at every stop, whatever takes the state back in between.
@Suite struct X87LockstepTests {
    typealias Generator = LockstepTests.Generator

    /// Memory operands lie behind RBX, RSI or R8; [RSI + 0x3c …] crosses a page.
    private static func memory(_ digit: UInt8, _ random: inout Generator) -> (rex: UInt8, rest: [UInt8]) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return (0x41, [0x40 | digit << 3, UInt8.random(in: 0...15, using: &random) << 3])
        case 1: return (0, [0x40 | digit << 3 | 6, UInt8.random(in: 0x30...0x48, using: &random)])
        // [RBX + R9 * 8 + d]
        case 2: return (0x42, [0x44 | digit << 3, 3 << 6 | 1 << 3 | 3, UInt8.random(in: 0...127, using: &random)])
        default: return (0, [0x40 | digit << 3 | 3, UInt8.random(in: 0...15, using: &random) << 3])
        }
    }

    static func instruction(_ random: inout Generator) -> [UInt8] {
        let escape = 0xd8 | UInt8.random(in: 0...7, using: &random)
        let i = UInt8.random(in: 0...7, using: &random)
        func operand(_ opcode: UInt8, _ digit: UInt8) -> [UInt8] {
            let (rex, rest) = memory(digit, &random)
            return (rex == 0 ? [] : [rex]) + [opcode] + rest
        }
        switch Int.random(in: 0..<40, using: &random) {
        case 0..<5:
            // Loads: FLD m32, m64, m80, FILD m16, m32, m64, FLD ST(i), FLD1 … FLDZ
            let forms: [[UInt8]] = [
                operand(0xd9, 0), operand(0xdd, 0), operand(0xdb, 5), operand(0xdf, 0), operand(0xdb, 0), operand(0xdf, 5),
                [0xd9, 0xc0 | i], [0xd9, 0xe8 | min(i, 6)], operand(0xdf, 4),
            ]
            return forms.randomElement(using: &random) ?? []
        case 5..<13: return operand([0xd8, 0xda, 0xdc, 0xde][Int(i & 3)], UInt8.random(in: 0...7, using: &random))
        case 13..<21:
            // Arithmetic and comparison of registers; undefined ones are #UD and end the program.
            let group = [0, 1, 4, 5, 6, 7][Int.random(in: 0..<6, using: &random)] as UInt8
            return [[0xd8, 0xdc, 0xde][Int.random(in: 0..<3, using: &random)], 0xc0 | group << 3 | i]
        case 21..<25:
            let forms: [[UInt8]] = [
                [0xd8, 0xd0 | i], [0xd8, 0xd8 | i], [0xdd, 0xe0 | i], [0xdd, 0xe8 | i], [0xdb, 0xe8 | i], [0xdb, 0xf0 | i],
                [0xdf, 0xe8 | i], [0xdf, 0xf0 | i], [0xde, 0xd9], [0xda, 0xe9], [0xd9, 0xe4], [0xd9, 0xe5],
            ]
            return forms.randomElement(using: &random) ?? []
        case 25: return [[0xda, 0xdb][Int(i & 1)], 0xc0 | UInt8.random(in: 0...3, using: &random) << 3 | i]
        case 26..<29:
            let functions: [UInt8] = [0xe0, 0xe1, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff]
            return [0xd9, functions.randomElement(using: &random) ?? 0xe0]
        case 29..<33:
            let forms: [[UInt8]] = [
                operand(0xd9, 2), operand(0xd9, 3), operand(0xdd, 2), operand(0xdd, 3), operand(0xdb, 7), operand(0xdb, 2),
                operand(0xdb, 3), operand(0xdf, 2), operand(0xdf, 3), operand(0xdf, 7), operand(0xdf, 6), [0xdd, 0xd0 | i],
                [0xdd, 0xd8 | i], [0xd9, 0xd8 | i],
            ]
            return forms.randomElement(using: &random) ?? []
        case 33: return [0xd9, 0xc8 | i]
        case 34:
            // FNSTSW AX, FNSTSW, FNSTCW, FWAIT, FNOP, FINCSTP, FDECSTP, FFREE, FFREEP, FNCLEX
            let forms: [[UInt8]] = [
                [0xdf, 0xe0], operand(0xdd, 7), operand(0xd9, 7), [0x9b], [0xd9, 0xd0], [0xd9, 0xf7], [0xd9, 0xf6], [0xdd, 0xc0 | i],
                [0xdf, 0xc0 | i], [0xdb, 0xe2],
            ]
            return forms.randomElement(using: &random) ?? []
        case 35:
            // FLDCW of a word with all exceptions masked, and now and then of one without.
            let word: UInt8 = Int.random(in: 0..<12, using: &random) == 0 ? 0x3b : 0x3f
            return [0x66, 0xc7, 0x43, 0x7e, word, UInt8.random(in: 0...15, using: &random), 0xd9, 0x6b, 0x7e]
        case 36:
            // FNINIT, FNSTENV, FLDENV behind it, FNSAVE with FRSTOR, FXSAVE with FXRSTOR, MMX with EMMS
            let forms: [[UInt8]] = [
                [0xdb, 0xe3], [0xd9, 0xb3, 0, 2, 0, 0], [0xd9, 0xb3, 0, 2, 0, 0, 0xd9, 0xa3, 0, 2, 0, 0],
                [0xdd, 0xb3, 0, 2, 0, 0, 0xdd, 0xa3, 0, 2, 0, 0],
                [0x0f, 0xae, 0x83, 0, 2, 0, 0, 0x0f, 0xae, 0x8b, 0, 2, 0, 0], [0x0f, 0xfc, 0xc0 | i, 0x0f, 0x77],
            ]
            return forms.randomElement(using: &random) ?? []
        case 37:
            // MOVDQU and PADDD of the highest vector registers.
            return [[0xf3, 0x44, 0x0f, 0x6f, 0x7b, 0x20], [0x66, 0x45, 0x0f, 0xfe, 0xf7], [0xf3, 0x44, 0x0f, 0x7f, 0x7b, 0x30]][Int(i) % 3]
        default: return escape & 1 == 0 ? [0xd9, 0xe8] : LockstepTests.instruction(&random)
        }
    }

    private static func loop(_ random: inout Generator) -> [UInt8] {
        func piece(_ longest: Int) -> [UInt8] { (0..<Int.random(in: 1...longest, using: &random)).flatMap { _ in instruction(&random) } }
        var program = piece(16)
        let skipped = piece(4)
        program += [0x70 | UInt8.random(in: 0...15, using: &random), UInt8(skipped.count)] + skipped + piece(12)
        // DEC DWORD [0x300000]; JNZ to the start; HLT
        program += [0xff, 0x0c, 0x25, 0, 0, 0x30, 0, 0x0f, 0x85]
        let distance = UInt32(bitPattern: -Int32(program.count + 4))
        return program + (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) } + [0xf4]
    }

    private static func machine(_ program: [UInt8], _ seed: UInt64, translating: Bool, threshold: UInt16 = 0) throws -> FlatMachine {
        let machine = try LockstepTests.machine(program, seed, translating: translating, threshold: threshold)
        var state = machine.engine.state
        (state.fcw, state.ftw) = (0x37f, 0xffff)
        machine.engine.state = state
        // Numbers of ordinary size among random bits.
        for place in stride(from: UInt64(0), to: 128, by: 24) {
            let number = Double(place) * 1.25 - 3 + Double(seed)
            _ = machine.memory.store(LockstepTests.data + 0x800 + place, number.bitPattern)
            _ = machine.memory.store(LockstepTests.data + place, Float(number).bitPattern)
        }
        _ = machine.memory.store(0x30_0000, UInt32(25))
        return machine
    }

    @Test(.enabled(if: Translation.isPossible, "the host refuses executable memory"), arguments: [0, 3] as [UInt16])
    func loopsAgreeWithRoutines(threshold: UInt16) throws {
        var instructions: UInt64 = 0
        for seed in 1...600 as ClosedRange<UInt64> {
            var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
            let program = Self.loop(&random)
            let steps = try Self.machine(program, seed, translating: false)
            let whole = try Self.machine(program, seed, translating: true, threshold: threshold)
            let chunks = try Self.machine(program, seed, translating: true, threshold: threshold)
            var count: UInt64 = 0
            while true {
                count += UInt64.random(in: 1...90, using: &random)
                guard chunks.run(count) == .limit else { break }
                while steps.engine.instructionsRetired < count { steps.run(steps.engine.instructionsRetired + 1) }
                let isSame = chunks.engine.state == steps.engine.state
                #expect(isSame, "seed \(seed) after \(count) instructions")
                if !isSame { return }
            }
            #expect(whole.run() == .halted && steps.run() == .halted)
            #expect(whole.engine.state == steps.engine.state && chunks.engine.state == steps.engine.state, "seed \(seed)")
            let memory = steps.memory.read(LockstepTests.data, count: 0x2000)
            #expect(whole.memory.read(LockstepTests.data, count: 0x2000) == memory, "seed \(seed)")
            #expect(chunks.memory.read(LockstepTests.data, count: 0x2000) == memory, "seed \(seed)")
            instructions += steps.engine.instructionsRetired
        }
        // Programs that end at once would prove nothing.
        #expect(instructions > 100_000)
    }
}

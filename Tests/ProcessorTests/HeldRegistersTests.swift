import CHost
import DeviceModel
import Processor
import Testing

/// R13–R15 between instructions without memory, where translated code may keep them out of the state block: three registers for two places,
/// ways out in the middle, faults behind a change, and flags that follow from them.
@Suite(.enabled(if: Translation.isPossible, "the host refuses executable memory")) struct HeldRegistersTests {
    private typealias Generator = LockstepTests.Generator

    private static func instruction(_ random: inout Generator) -> [UInt8] {
        let byte = UInt8.random(in: 0...255, using: &random)
        let wide: UInt8 = byte & 0x80 >> 4
        let numbers: [UInt8] = [13, 14, 15, 13, 14, 15, 0, 2, 5, 12]
        let (a, b) = (numbers.randomElement(using: &random) ?? 13, numbers.randomElement(using: &random) ?? 14)
        func registers(_ opcode: [UInt8], _ reg: UInt8, _ rm: UInt8) -> [UInt8] {
            [0x40 | wide | (reg >> 3) << 2 | rm >> 3] + opcode + [0xc0 | (reg & 7) << 3 | rm & 7]
        }
        switch Int.random(in: 0..<24, using: &random) {
        case 0..<5: return registers([0x89], a, b)
        case 5..<10: return registers([(byte & 7) << 3 | (byte & 0x40) >> 5 | 1], a, b)
        case 10: return registers([0x83], byte & 7, b) + [byte]
        case 11: return registers([0x81], byte & 7, b) + [byte, 1, byte, byte]
        case 12, 13: return registers([0xc1], byte & 1, b) + [byte >> 1]
        case 14: return registers([0xc1], [4, 5, 7][Int(byte) % 3], b) + [byte >> 1]
        case 15: return registers([0xf7], 2 | byte & 1, b)
        // LEA
        case 16, 17: return [0x40 | wide | (a >> 3) << 2, 0x8d, 0x44 | (a & 7) << 3, 0x8a, byte]
        case 18: return registers([0x85], a, b)
        case 19: return registers([0xff], byte & 1, b)
        // A forward Jcc over a NOP
        case 20: return [0x70 | byte & 15, 1, 0x90]
        // MOV to and ADD from memory at RBX
        case 21: return [0x40 | wide | (a >> 3) << 2, 0x89, 0x43 | (a & 7) << 3, byte & 0x7f]
        case 22: return [0x40 | wide | (a >> 3) << 2, 0x03, 0x43 | (a & 7) << 3, byte & 0x7f]
        // SETC AL, PUSH R14, POP R15
        default: return byte & 1 == 0 ? [0x0f, 0x92, 0xc0] : [0x41, 0x56, 0x41, 0x5f]
        }
    }

    @Test(arguments: [0, 3] as [UInt16]) func heldRegistersAgreeWithRoutines(threshold: UInt16) throws {
        let comparison = LockstepComparison(limit: 3000, ranges: [(LockstepTests.data, 0x2000)])
        for seed in 1...400 as ClosedRange<UInt64> {
            var random = Generator(state: seed &* 0x9e37_79b9_7f4a_7c15)
            var program = (0..<50).flatMap { _ in Self.instruction(&random) }
            // Every fourth ends with a load that faults: MOV R13, [0x310000] on a page that is not there.
            if seed % 4 == 0 { program += [0x4c, 0x8b, 0x2c, 0x25, 0, 0, 0x31, 0] }
            // DEC DWORD [0x300000]; JNZ to the start; HLT
            program += [0xff, 0x0c, 0x25, 0, 0, 0x30, 0, 0x0f, 0x85]
            let distance = UInt32(bitPattern: -Int32(program.count + 4))
            program += (0..<4).map { UInt8(truncatingIfNeeded: distance >> ($0 * 8)) } + [0xf4]
            try comparison.check(seed: seed, threshold: threshold) {
                let machine = try LockstepTests.machine(program, seed, translating: $0, threshold: $1)
                _ = machine.memory.store(0x30_0000, UInt32(20))
                machine.setPageEntry(0x31_0000, 0)
                return machine
            }
        }
    }
}

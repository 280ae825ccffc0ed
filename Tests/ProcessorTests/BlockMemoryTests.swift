import Processor
import Testing

/// What a guest's boot needed once is not kept for ever.
@Suite struct BlockMemoryTests {
    @Test func oldBlocksGoWhenTheGuestHasSettled() throws {
        // 120,000 blocks of one jump each, then for ever: a hundred turns of a loop, and HLT.
        let count = 120_000
        var program = [UInt8](repeating: 0, count: 2 * count)
        for place in stride(from: 0, to: 2 * count, by: 2) { program[place] = 0xeb }
        program += [0xb9, 100, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc, 0xff, 0xc3, 0xf4, 0xeb, 0xf2]
        let machine = try FlatMachine(.long, program, at: 0x20_0000)
        #expect(machine.run(.max) == .halted)
        let most = machine.engine.counters.blockBytes
        #expect(most > 20 << 20)
        for _ in 0..<600 {
            var state = machine.engine.state
            state.halted = false
            machine.engine.state = state
            #expect(machine.run(.max) == .halted)
        }
        #expect(machine.engine.counters.blockBytes < 1 << 20)
        #expect(machine[3] == 601 && machine.engine.instructionsRetired == 120_000 + 601 * 203 + 600)
    }
}

import Processor
import Testing

/// One program three ways: an instruction at a time by the interpreter, whole and in chunks of random size by the translator.
struct LockstepComparison {
    /// Instructions that the program may take.
    let limit: UInt64
    /// What of memory is compared at the end: start and bytes.
    let ranges: [(start: UInt64, count: Int)]

    /// Records an issue where state or memory differ. `make`: the machine before its first instruction.
    func check(seed: UInt64, threshold: UInt16, make: (_ translating: Bool, _ threshold: UInt16) throws -> FlatMachine) throws {
        var random = LockstepTests.Generator(state: seed &* 0xd129_0d3b_7f4a_7c15 | 1)
        let (steps, whole, chunks) = (try make(false, 0), try make(true, threshold), try make(true, threshold))
        let end = whole.run(limit)
        var count: UInt64 = 0
        while count < limit {
            count = min(limit, count + UInt64.random(in: 1...90, using: &random))
            guard chunks.run(count) == .limit else { break }
            while steps.engine.instructionsRetired < count { steps.run(steps.engine.instructionsRetired + 1) }
            let isSame = chunks.engine.state == steps.engine.state
            #expect(isSame, "seed \(seed) after \(count) instructions")
            if !isSame { return }
        }
        #expect(steps.run(limit) == end, "seed \(seed)")
        #expect(whole.engine.state == steps.engine.state && chunks.engine.state == steps.engine.state, "seed \(seed)")
        for range in ranges {
            let memory = steps.memory.read(range.start, count: range.count)
            #expect(whole.memory.read(range.start, count: range.count) == memory, "seed \(seed)")
            #expect(chunks.memory.read(range.start, count: range.count) == memory, "seed \(seed)")
        }
        // Some end, with a fault upon a fault, before they have run often.
        #expect(threshold > 0 || whole.engine.counters.blocksTranslated > 0)
    }
}

import FuzzTargets
import Testing

/// Every fuzz target over its seeds and a fixed number of mutations, the same in every run. Scripts/fuzz runs them longer.
@Suite(.serialized) struct FuzzTests {
    /// Mutated cases of each target.
    private static let cases = 1000

    @Test("no trap, no hang, no promise broken", arguments: FuzzTarget.all.map(\.name))
    func cases(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let seeds = target.seeds()
        try #require(!seeds.isEmpty, "a target has seeds")
        var random = FuzzMutation(seed: name.utf8.reduce(1) { $0 &* 31 &+ UInt64($1) })
        let watch = CaseWatch(name)
        defer { watch.end() }
        for bytes in [[]] + seeds { watch.run(bytes, target.run) }
        for _ in 0..<Self.cases { watch.run(random.mutate(seeds, limit: target.maximumLength), target.run) }
        #expect(watch.slowest < 20, "no case takes long")
    }

    @Test("names are unique and fit a command line")
    func names() {
        let names = FuzzTarget.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0.allSatisfy { $0.isASCII && ($0.isLowercase || $0 == "-") } })
    }
}

import CHostExecutor
import Glibc
import Testing

/// Random instructions on the host's processor and on the interpreter, from the same state, to the same end.
///
/// `LUNAVISOR_DIFFERENTIAL_CASES` sets how many, `LUNAVISOR_SEED` where the random numbers begin, `LUNAVISOR_DIFFERENTIAL_ROW` keeps only
/// the rows of one operation. The seed is printed; unless told it is always the same, so that a run can be repeated. Scripts/differential
/// takes others.
@Suite(.serialized) struct HostDifferentialTests {
    private static func setting(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    private static let cases = setting("LUNAVISOR_DIFFERENTIAL_CASES").flatMap { Int($0) } ?? 30000
    private static let seed = setting("LUNAVISOR_SEED").flatMap { UInt64($0) } ?? 1
    private static let only = setting("LUNAVISOR_DIFFERENTIAL_ROW")
    /// How many differences are printed in full.
    private static let shown = setting("LUNAVISOR_DIFFERENTIAL_SHOW").flatMap { Int($0) } ?? 6
    private static let batch = 512

    @Test func `general-purpose instructions agree with the host`() throws {
        try compare(EncodingRows.integer, count: Self.cases * 3 / 10, sequences: false)
    }

    @Test func `floating-point and vector instructions agree with the host`() throws {
        try compare(EncodingRows.floatingPoint, count: Self.cases * 3 / 10, sequences: false)
    }

    @Test func `sequences of floating-point instructions agree with the host`() throws {
        try compare(EncodingRows.floatingPoint, count: Self.cases / 5, sequences: true)
    }

    @Test func `general-purpose instructions of 32-bit code agree with the host`() throws {
        try compare(EncodingRows.integer, count: Self.cases / 10, sequences: false, is32: true)
    }

    @Test func `floating-point and vector instructions of 32-bit code agree with the host`() throws {
        try compare(EncodingRows.floatingPoint, count: Self.cases / 10, sequences: false, is32: true)
    }

    private func compare(_ all: [EncodingRow], count: Int, sequences: Bool, is32: Bool = false) throws {
        let rows = all.filter { (Self.only == nil || $0.name == Self.only) && !(is32 ? $0.isOnly64 : $0.isInvalidIn64) }
        if rows.isEmpty { return }
        let outcomes = try #require(lv_executor_allocate(UInt32(Self.batch)))
        defer { lv_executor_release(outcomes, UInt32(Self.batch)) }
        var failures: [String: Int] = [:]
        var printed = 0
        var done = 0
        var guestOutcome = lv_executor_outcome()
        var random = CaseRandom(seed: Self.seed &+ (sequences ? 77 : 0))
        let prefix = is32 ? "32-bit " : ""
        print("\(prefix)seed \(Self.seed): \(count) cases")
        while done < count {
            let size = min(Self.batch, count - done)
            let batchSeed = Self.seed &+ UInt64(done)
            let data = SandboxData.make(seed: batchSeed)
            var list: [CaseGenerator.Case] = []
            for i in 0..<size {
                var generator = CaseGenerator(seed: batchSeed &+ UInt64(i), is32: is32)
                // Every row in turn, so that all are met whatever the seed.
                let row = rows[(done + i) % rows.count]
                let others = sequences ? (0..<3).map { _ in random.pick(rows) } : []
                // FXSAVE comes last: it stores MXCSR_MASK, in which the host differs by right, and nothing may read that.
                let ordered = [row] + others
                let sequence = ordered.filter { $0.name != "fxsave" } + ordered.filter { $0.name == "fxsave" }
                list.append(generator.make(sequence[0], then: Array(sequence.dropFirst())))
            }
            let cases = list.map { Self.executorCase($0, is32: is32) }
            let error = lv_executor_run(cases, outcomes, UInt32(size), data)
            #expect(error == 0, "no child for the host's side (errno \(error))")
            if error != 0 { return }
            let guest = try DifferentialGuest(data: data)
            for i in 0..<size {
                let problem = guest.run(cases[i], into: &guestOutcome)
                let difference = problem ?? DifferentialComparison.difference(list[i], &outcomes[i], &guestOutcome, is32: is32)
                guard let difference else { continue }
                let key = list[i].rows[0].text
                failures[key, default: 0] += 1
                printed += 1
                if printed <= Self.shown || Self.shown > 100 && failures[key, default: 0] <= 2 {
                    print("\(prefix)seed \(Self.seed) case \(done + i): \(DifferentialComparison.describe(list[i]))\n    \(difference)")
                }
            }
            done += size
        }
        if !failures.isEmpty {
            let list = failures.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
            Issue.record("\(prefix)seed \(Self.seed): \(printed) of \(count) differ: \(list)")
        }
    }

    private static func executorCase(_ test: CaseGenerator.Case, is32: Bool) -> lv_executor_case {
        var result = lv_executor_case()
        result.state = test.state
        result.selector = UInt64(is32 ? LV_EXECUTOR_CODE32 : LV_EXECUTOR_CODE64)
        withUnsafeMutableBytes(of: &result.code) { code in
            for i in 0..<code.count { code[i] = i < test.bytes.count ? test.bytes[i] : 0xcc }
        }
        return result
    }
}

import Storage
import Testing

/// Against the examples of RFC 3720 (B.4) and the check value that the catalogues of checksums give.
@Suite struct CRC32CTests {
    static let examples: [(bytes: [UInt8], sum: UInt32)] = [
        (Array("123456789".utf8), 0xe306_9283), ([], 0), ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43), ([UInt8](0..<32), 0x46dd_794e), ([UInt8]((0..<32).reversed()), 0x113f_db5c),
    ]

    @Test(arguments: [false, true]) func itIsThatOfTheExamples(byTables: Bool) {
        for example in Self.examples { #expect(Self.sum(example.bytes, byTables: byTables) == example.sum) }
    }

    @Test func instructionAndTablesAgreeWhereverTheBytesAreCut() {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<4099).map { _ in UInt8.random(in: 0...255, using: &random) }
        let whole = Self.sum(bytes, byTables: true)
        for cut in [0, 1, 7, 8, 9, 63, 2048, 4091, 4098, 4099] {
            for (first, second) in [(false, false), (true, false), (false, true)] {
                var sum = CRC32C()
                Self.add(bytes[..<cut], to: &sum, byTables: first)
                Self.add(bytes[cut...], to: &sum, byTables: second)
                #expect(sum.value == whole, "cut at \(cut)")
            }
        }
    }

    private static func sum(_ bytes: [UInt8], byTables: Bool) -> UInt32 {
        var sum = CRC32C()
        add(bytes[...], to: &sum, byTables: byTables)
        return sum.value
    }

    private static func add(_ bytes: ArraySlice<UInt8>, to sum: inout CRC32C, byTables: Bool) {
        bytes.withUnsafeBytes { if byTables { sum.addByTables($0) } else { sum.add($0) } }
    }
}

/// Cases made from seeds by chance that a number fixes: what tests run everywhere, without libFuzzer.
package struct FuzzMutation: RandomNumberGenerator, Sendable {
    private var state: UInt64
    private static let numbers: [UInt64] = [
        0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 4096, 0x7FFF, 0xFFFF, 1 << 20, 1 << 31, 1 << 32, 1 << 63, .max,
    ]

    private static let texts = ["0", "1", "-1", "255", "65536", "4294967295", "9223372036854775807", "18446744073709551615", "null"]

    package init(seed: UInt64) { state = seed }

    /// SplitMix64.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A case from one of `seeds`, at most `limit` bytes long.
    package mutating func mutate(_ seeds: [[UInt8]], limit: Int) -> [UInt8] {
        var bytes = seeds[Int.random(in: 0..<seeds.count, using: &self)]
        for _ in 0...Int.random(in: 0..<5, using: &self) {
            let place = Int.random(in: 0...bytes.count, using: &self)
            switch Int.random(in: 0..<9, using: &self) {
            case 0: bytes.insert(contentsOf: noise(), at: place)
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 0...16, using: &self)))
            case 2: bytes.replaceSubrange(place..<min(bytes.count, place + 16), with: noise())
            case 3:
                let other = seeds[Int.random(in: 0..<seeds.count, using: &self)]
                bytes.replaceSubrange(place..., with: other.dropFirst(Int.random(in: 0...other.count, using: &self)))
            case 4:
                let end = min(bytes.count, place + Int.random(in: 0...64, using: &self))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
            case 5, 6:
                let number = Self.numbers[Int.random(in: 0..<Self.numbers.count, using: &self)]
                bytes.overwrite(place, with: Array(little(number).prefix(1 << Int.random(in: 0...3, using: &self))))
            case 7: renumber(&bytes, from: place)
            default:
                if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self) }
            }
        }
        return Array(bytes.prefix(limit))
    }

    /// The next number of a text becomes another.
    private mutating func renumber(_ bytes: inout [UInt8], from place: Int) {
        let isDigit = { (byte: UInt8) in (48...57).contains(byte) }
        guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        let number = Self.texts[Int.random(in: 0..<Self.texts.count, using: &self)]
        bytes.replaceSubrange(start..<end, with: number.utf8)
    }

    private mutating func noise() -> [UInt8] {
        (0..<Int.random(in: 1...16, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}

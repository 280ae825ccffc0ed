import Basics

/// The random numbers of an Exact machine: SplitMix64, which every start of the VM begins at its seed. Not for secrets.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    /// The identifier with that number of a machine with that seed, of the form that random ones have (RFC 9562, version 4).
    static func identifier(seed: UInt64, number: UInt64) -> GUID {
        var generator = SeededGenerator(seed: seed ^ (number &+ 1) &* 0xd6e8_feb8_6659_fd93)
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        // The version stands in the high half of the third group, which is stored with its low byte first.
        bytes[7] = bytes[7] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        return GUID(bytes: bytes)
    }
}

/// A small deterministic generator (SplitMix64) and the values that find mistakes.
struct CaseRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    /// True in `percent` of 100 calls.
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
    mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

    /// A general register: borders, small numbers, single bits, anything.
    mutating func integer() -> UInt64 {
        switch below(8) {
        case 0: return pick([0, 1, 2, ~0, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff])
        case 1: return pick([0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000])
        case 2: return UInt64(below(64))
        case 3: return 0 &- UInt64(below(64))
        case 4: return 1 << UInt64(below(64))
        case 5: return next() & 0xffff_ffff
        default: return next()
        }
    }

    mutating func single() -> UInt32 {
        let sign = UInt32(below(2)) << 31
        switch below(12) {
        case 0: return sign
        case 1: return sign | 0x7f80_0000
        case 2: return sign | 0x7fc0_0000 | UInt32(truncatingIfNeeded: next()) & 0xf
        case 3: return sign | 0x7f80_0001 | UInt32(truncatingIfNeeded: next()) & 0x3f_ffff
        case 4: return sign | UInt32(truncatingIfNeeded: next()) & 0x7f_ffff
        case 5: return sign | pick([0x7f7f_ffff, 0x0080_0000, 0x0080_0001, 1, 0x007f_ffff])
        case 6: return sign | pick([0x3f80_0000, 0x4000_0000, 0x3f00_0000, 0x4b00_0000, 0x4f00_0000, 0x5f00_0000])
        case 7: return sign | UInt32(0x7f + below(34)) << 23 | UInt32(truncatingIfNeeded: next()) & 0x7f_ffff
        case 8: return sign | UInt32(below(24)) << 23 | UInt32(truncatingIfNeeded: next()) & 0x7f_ffff
        default: return UInt32(truncatingIfNeeded: next())
        }
    }

    mutating func double() -> UInt64 {
        let sign = UInt64(below(2)) << 63
        switch below(12) {
        case 0: return sign
        case 1: return sign | 0x7ff0_0000_0000_0000
        case 2: return sign | 0x7ff8_0000_0000_0000 | next() & 0xf
        case 3: return sign | 0x7ff0_0000_0000_0001 | next() & 0x7_ffff_ffff_ffff
        case 4: return sign | next() & 0xf_ffff_ffff_ffff
        case 5: return sign | pick([0x7fef_ffff_ffff_ffff, 0x10_0000_0000_0000, 1, 0xf_ffff_ffff_ffff])
        case 6: return sign | pick([0x3ff0_0000_0000_0000, 0x4000_0000_0000_0000, 0x41e0_0000_0000_0000, 0x43e0_0000_0000_0000])
        case 7: return sign | UInt64(0x3ff + below(66)) << 52 | next() & 0xf_ffff_ffff_ffff
        case 8: return sign | UInt64(0x380 + below(40)) << 52 | next() & 0xf_ffff_ffff_ffff
        default: return next()
        }
    }

    /// Sign with exponent, and significand of an 80-bit number, unsupported formats included.
    mutating func extended() -> (UInt16, UInt64) {
        let sign = UInt16(below(2)) << 15
        let integer: UInt64 = 1 << 63
        switch below(14) {
        case 0: return (sign, 0)
        case 1: return (sign | 0x7fff, integer)
        case 2: return (sign | 0x7fff, integer | 1 << 62 | next() >> 2)
        case 3: return (sign | 0x7fff, integer | next() >> 2 | 1)
        case 4: return (sign, next() >> 1)
        case 5: return (sign, integer | next())
        case 6: return (sign | UInt16(below(0x8000)), next() >> 1)
        case 7: return (sign | 0x7fff, next() >> 1)
        case 8: return (sign | pick([0x3fff, 0x4000, 0x3ffe, 0x4001, 0x403e, 0x401e, 0x7ffe, 1]), integer)
        case 9: return (sign | UInt16(0x3fff + below(66)), integer | next())
        case 10: return (sign | UInt16(0x3f80 + below(0x100)), integer | next() << UInt64(below(60)))
        case 11: return (sign | UInt16(0x3fc0 + below(0x40)), integer | next())
        case 12:
            return (
                sign | pick([UInt16(below(0x60)), UInt16(0x7fa0 + below(0x5f)), UInt16(0x3c00 + below(0x20)), UInt16(0x43fe + below(4))]),
                integer | next()
            )
        default: return (sign | UInt16(below(0x7fff)), integer | next())
        }
    }

    /// 128 bits as integers, singles or doubles.
    mutating func vector() -> (UInt64, UInt64) {
        switch below(4) {
        case 0: return (next(), next())
        case 1: return (double(), double())
        case 2: return (UInt64(single()) | UInt64(single()) << 32, UInt64(single()) | UInt64(single()) << 32)
        default: return (integer(), integer())
        }
    }
}

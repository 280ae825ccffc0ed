/// A 64-bit hash over bytes, for comparing states and finding damage; not against forgery. Equal bytes give equal hashes on every
/// host and in every version, however they are cut into pieces.
package struct StateHash {
    package init() {}

    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (
        0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89
    )
    private var pending: [UInt8] = []
    private var count: UInt64 = 0
    private static let factor: UInt64 = 0x9e37_79b9_7f4a_7c15

    package mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        count &+= UInt64(bytes.count)
        var start = 0
        if !pending.isEmpty {
            start = min(32 - pending.count, bytes.count)
            pending.append(contentsOf: bytes[..<start])
            guard pending.count == 32 else { return }
            let block = pending
            block.withUnsafeBytes { absorb($0, from: 0) }
            pending.removeAll(keepingCapacity: true)
        }
        while start + 32 <= bytes.count {
            absorb(bytes, from: start)
            start += 32
        }
        pending.append(contentsOf: bytes[start...])
    }

    package mutating func combine(_ text: String) {
        var text = text
        text.withUTF8 { combine(UnsafeRawBufferPointer($0)) }
    }

    package mutating func combine(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { combine($0) } }

    /// Four independent lanes, so that the multiplications overlap.
    private mutating func absorb(_ bytes: UnsafeRawBufferPointer, from offset: Int) {
        func mixed(_ lane: UInt64, _ position: Int) -> UInt64 {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + position, as: UInt64.self))
            let product = (lane ^ word) &* Self.factor
            return product << 31 | product >> 33
        }
        lanes = (mixed(lanes.0, 0), mixed(lanes.1, 8), mixed(lanes.2, 16), mixed(lanes.3, 24))
    }

    /// The hash of everything so far.
    package var value: UInt64 {
        var rest = self
        if !pending.isEmpty {
            let block = pending + [UInt8](repeating: 0, count: 32 - pending.count)
            block.withUnsafeBytes { rest.absorb($0, from: 0) }
        }
        var result = count
        for lane in [rest.lanes.0, rest.lanes.1, rest.lanes.2, rest.lanes.3] {
            result = (result ^ lane) &* Self.factor
            result ^= result >> 29
        }
        return result
    }
}

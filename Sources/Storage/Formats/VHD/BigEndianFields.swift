/// Numbers in a VHD's structures, which store the most significant byte first.
extension [UInt8] {
    func bigEndian16(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }
    func bigEndian32(at offset: Int) -> UInt32 { UInt32(bigEndian16(at: offset)) << 16 | UInt32(bigEndian16(at: offset + 2)) }
    func bigEndian64(at offset: Int) -> UInt64 { UInt64(bigEndian32(at: offset)) << 32 | UInt64(bigEndian32(at: offset + 4)) }

    /// Writes `value` at `offset`, as wide as its type.
    mutating func setBigEndian(_ value: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
        let count = value.bitWidth / 8
        for position in 0..<count {
            self[offset + position] = UInt8(truncatingIfNeeded: value >> ((count - 1 - position) * 8))
        }
    }

    /// The checksum of footer and header: the complement of the sum of all bytes but the checksum's own four.
    func checksum(skipping field: Int) -> UInt32 {
        var sum: UInt32 = 0
        for (position, byte) in enumerated() where !(field..<field + 4).contains(position) { sum &+= UInt32(byte) }
        return ~sum
    }
}

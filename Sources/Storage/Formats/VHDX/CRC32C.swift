import CHost

/// The Castagnoli checksum (polynomial 0x1EDC6F41, reflected) of headers, region tables and log entries (MS-VHDX 1.1), eight bytes a step:
/// with the host's instruction for it, else by tables.
package struct CRC32C {
    private var state: UInt32 = 0xffff_ffff

    /// Table k holds the effect of a byte that is followed by k zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 != 0 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            tables[byte] = value
        }
        for position in 256..<tables.count {
            let previous = tables[position - 256]
            tables[position] = previous >> 8 ^ tables[Int(previous & 0xff)]
        }
        return tables
    }()

    package init() {}

    package var value: UInt32 { ~state }

    private static let isNative = lv_crc32c_is_native() != 0

    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        // Safety: the instruction is there, and the buffer holds as many bytes as it says.
        if Self.isNative, let start = bytes.baseAddress {
            state = lv_crc32c_native(state, start, UInt64(bytes.count))
        } else {
            addByTables(bytes)
        }
    }

    /// The same on a host without the instruction.
    package mutating func addByTables(_ bytes: UnsafeRawBufferPointer) {
        var crc = state
        Self.tables.withUnsafeBufferPointer { table in
            var position = 0
            while position + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) ^ UInt64(crc)
                crc = table[7 << 8 | Int(word & 0xff)] ^ table[6 << 8 | Int(word >> 8 & 0xff)]
                crc ^= table[5 << 8 | Int(word >> 16 & 0xff)] ^ table[4 << 8 | Int(word >> 24 & 0xff)]
                crc ^= table[3 << 8 | Int(word >> 32 & 0xff)] ^ table[2 << 8 | Int(word >> 40 & 0xff)]
                crc ^= table[1 << 8 | Int(word >> 48 & 0xff)] ^ table[Int(word >> 56)]
                position += 8
            }
            while position < bytes.count {
                crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[position])]
                position += 1
            }
        }
        state = crc
    }

    /// Of a whole structure whose four checksum bytes at 4 count as zeros.
    package static func ofStructure(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard bytes.count >= 8 else { return 0 }
        var sum = CRC32C()
        sum.add(UnsafeRawBufferPointer(rebasing: bytes[0..<4]))
        withUnsafeBytes(of: UInt32(0)) { sum.add($0) }
        sum.add(UnsafeRawBufferPointer(rebasing: bytes[8...]))
        return sum.value
    }

    static func ofStructure(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { ofStructure($0) } }
}

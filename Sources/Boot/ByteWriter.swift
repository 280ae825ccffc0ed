/// Builds little-endian structures of bytes.
struct ByteWriter {
    private(set) var bytes: [UInt8]

    init(count: Int = 0) { bytes = [UInt8](repeating: 0, count: count) }

    mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        for position in 0..<MemoryLayout<Value>.size { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * Value(position)))) }
    }

    mutating func append(bytes more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Text of exactly `count` bytes, padded with `padding`.
    mutating func append(text: String, count: Int, padding: UInt8 = 0x20) {
        let raw = Array(text.utf8.prefix(count))
        bytes += raw + [UInt8](repeating: padding, count: count - raw.count)
    }

    /// Overwrites in place. Precondition: it fits.
    mutating func set<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for position in 0..<MemoryLayout<Value>.size {
            bytes[offset + position] = UInt8(truncatingIfNeeded: value >> (8 * Value(position)))
        }
    }

    mutating func replace(at offset: Int, with more: some Collection<UInt8>) {
        bytes.replaceSubrange(offset..<offset + more.count, with: more)
    }
}

extension Array where Element == UInt8 {
    /// A little-endian integer; nil behind the end.
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset + MemoryLayout<Value>.size <= count else { return nil }
        return (0..<MemoryLayout<Value>.size).reduce(0) { $0 | Value(truncatingIfNeeded: self[offset + $1]) << (8 * Value($1)) }
    }
}

import Basics

/// Builds little-endian structures of bytes.
struct ByteWriter {
    private(set) var bytes: [UInt8]

    init(count: Int = 0) { bytes = [UInt8](repeating: 0, count: count) }

    mutating func append<Value: FixedWidthInteger>(_ value: Value) { bytes.append(littleEndian: value) }

    mutating func append(bytes more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Text of exactly `count` bytes, padded with `padding`.
    mutating func append(text: String, count: Int, padding: UInt8 = 0x20) {
        let raw = Array(text.utf8.prefix(count))
        bytes += raw + [UInt8](repeating: padding, count: count - raw.count)
    }

    /// Overwrites in place. Precondition: it fits.
    mutating func set<Value: FixedWidthInteger>(_ value: Value, at offset: Int) { bytes.setLittleEndian(value, at: offset) }

    mutating func replace(at offset: Int, with more: some Collection<UInt8>) {
        bytes.replaceSubrange(offset..<offset + more.count, with: more)
    }
}

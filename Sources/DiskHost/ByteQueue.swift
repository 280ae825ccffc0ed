/// Bytes that come at one end and go at the other; all integers in it are big-endian.
package struct ByteQueue {
    private var bytes: [UInt8] = []
    private var first = 0

    package init() {}

    package var count: Int { bytes.count - first }

    package mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// The integer at `offset` from the front; nil where fewer bytes are there.
    package func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset <= count - MemoryLayout<Value>.size else { return nil }
        return bytes.withUnsafeBytes { Value(bigEndian: $0.loadUnaligned(fromByteOffset: first + offset, as: Value.self)) }
    }

    /// Takes `count` bytes from the front; precondition: they are there.
    package mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(bytes[first..<first + count])
        drop(count)
        return taken
    }

    /// Forgets up to `count` bytes at the front.
    package mutating func drop(_ count: Int) {
        first += min(count, self.count)
        if first == bytes.count {
            // A long payload's room is not kept for the rest of the connection.
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
            first = 0
        } else if first > 1 << 20, first > bytes.count / 2 {
            bytes.removeFirst(first)
            first = 0
        }
    }

    /// The waiting bytes, for writing them to a socket.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[first...])) }
    }
}

/// Reads the fields of an option's data; each answer is nil behind the end.
struct OptionFields {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        guard bytes.count - position >= MemoryLayout<Value>.size else { return nil }
        defer { position += MemoryLayout<Value>.size }
        return bytes.withUnsafeBytes { Value(bigEndian: $0.loadUnaligned(fromByteOffset: position, as: Value.self)) }
    }

    /// A text behind its length.
    mutating func text() -> String? {
        guard let length = integer(UInt32.self), length <= bytes.count - position else { return nil }
        defer { position += Int(length) }
        return String(decoding: bytes[position..<position + Int(length)], as: UTF8.self)
    }
}

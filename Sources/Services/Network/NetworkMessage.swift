import Basics

/// Little-endian fields of an NVSP or RNDIS message that is being made.
struct NetworkMessageBuilder {
    private(set) var bytes: [UInt8] = []

    mutating func add<Value: FixedWidthInteger>(_ value: Value) { bytes.append(littleEndian: value) }

    mutating func add(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Adds zeros up to a total of `count` bytes.
    mutating func pad(to count: Int) {
        if bytes.count < count { bytes.append(contentsOf: repeatElement(0, count: count - bytes.count)) }
    }
}

/// Little-endian fields of a message that a guest sent, already copied out of its memory; nil beyond its end.
struct NetworkMessageFields {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }
    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var count: Int { bytes.count }

    func load<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset <= count - MemoryLayout<Value>.size else { return nil }
        return bytes.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }

    /// Part of the message as a message of its own; nil when it does not lie in it.
    func part(_ offset: Int, count part: Int) -> NetworkMessageFields? {
        guard offset >= 0, part >= 0, offset <= count, part <= count - offset else { return nil }
        return NetworkMessageFields(bytes[bytes.startIndex + offset..<bytes.startIndex + offset + part])
    }
}

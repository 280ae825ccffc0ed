/// A case's bytes, read from the front; behind their end everything is zero.
struct FuzzInput {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isEmpty: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func flag() -> Bool { byte() & 1 != 0 }

    /// Little-endian.
    mutating func number<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for shift in 0..<Value.bitWidth / 8 { value |= Value(truncatingIfNeeded: byte()) << Value(8 * shift) }
        return value
    }

    /// 0 ..< `limit` (at most 256).
    mutating func choice(_ limit: Int) -> Int { Int(byte()) % limit }

    mutating func pick<Element>(_ list: [Element]) -> Element { list[choice(list.count)] }

    /// As many as there are, at most `count`.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, position + max(0, count))
        defer { position = end }
        return position < end ? Array(bytes[position..<end]) : []
    }

    /// Exactly `count`, with zeros behind the case's end.
    mutating func padded(_ count: Int) -> [UInt8] {
        let taken = take(count)
        return taken + [UInt8](repeating: 0, count: count - taken.count)
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }

    /// A number that is small, an edge or anything, so that few bytes reach the interesting ones.
    mutating func interesting() -> UInt32 {
        let kind = byte()
        if kind < 0x80 { return UInt32(kind) }
        if kind < 0xE0 { return Self.edges[Int(kind) % Self.edges.count] }
        return number()
    }

    private static let edges: [UInt32] = [
        0, 1, 2, 3, 4, 7, 8, 16, 4095, 4096, 4097, 2047, 2048, 6144, 65535, 65536, 0x7FFF_FFFF, 0x8000_0000, .max, .max - 7, .max - 4095,
    ]
}

extension [UInt8] {
    /// Overwrites from `offset` on, as far as the bytes reach.
    mutating func overwrite(_ offset: Int, with other: [UInt8]) {
        for (index, byte) in other.enumerated() where indices.contains(offset + index) { self[offset + index] = byte }
    }

    mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        overwrite(offset, with: little(value))
    }
}

func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) } }

/// Responses are built from bytes and big-endian numbers.
extension [UInt8] {
    mutating func appendBig<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        for place in (0..<MemoryLayout<Value>.size).reversed() { append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
    }

    /// Text of exactly `length` bytes, padded with blanks.
    mutating func appendText(_ text: String, length: Int) {
        let bytes = Swift.Array(text.utf8.prefix(length))
        append(contentsOf: bytes)
        append(contentsOf: repeatElement(0x20, count: length - bytes.count))
    }

    mutating func appendZeros(_ count: Int) { append(contentsOf: repeatElement(0, count: count)) }

    /// A big-endian integer; zero behind the end.
    func big<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int, as type: Value.Type) -> Value {
        little(offset, as: type).byteSwapped
    }
}

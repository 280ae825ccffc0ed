/// Little-endian integers in rows of bytes: messages, tables and file headers.
extension Array where Element == UInt8 {
    /// The bytes of one integer.
    package init<Value: FixedWidthInteger>(littleEndian value: Value) { self = Swift.withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    /// The integer at byte `offset`; nil when it does not lie wholly inside.
    package func littleEndian<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset <= count - MemoryLayout<Value>.size else { return nil }
        return withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }

    /// Stores an integer. Precondition: it lies wholly inside.
    package mutating func setLittleEndian<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        withUnsafeMutableBytes { bytes in
            precondition(offset >= 0 && offset <= bytes.count - MemoryLayout<Value>.size, "a field outside of its structure")
            bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
        }
    }

    package mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// Numbers inside messages, as the tests build and read them.
extension [UInt8] {
    func little<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int, as type: Value.Type) -> Value {
        guard offset + MemoryLayout<Value>.size <= count else { return 0 }
        return (0..<MemoryLayout<Value>.size).reduce(0) { $0 | Value(self[offset + $1]) << Value(8 * $1) }
    }

    func big<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int, as type: Value.Type) -> Value {
        little(offset, as: type).byteSwapped
    }

    mutating func setLittle<Value: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _ value: Value) {
        for place in 0..<MemoryLayout<Value>.size { self[offset + place] = UInt8(truncatingIfNeeded: value >> Value(8 * place)) }
    }

    mutating func appendBig<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        for place in (0..<MemoryLayout<Value>.size).reversed() { append(UInt8(truncatingIfNeeded: value >> Value(8 * place))) }
    }
}

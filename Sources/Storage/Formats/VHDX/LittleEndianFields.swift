import Basics

/// Fields of on-disk structures. Callers own buffers of the structure's full size, so no position can lie outside.
extension [UInt8] {
    func littleEndian<Number: FixedWidthInteger>(_: Number.Type = Number.self, at position: Int) -> Number {
        withUnsafeBytes { bytes in
            precondition(position >= 0 && position + MemoryLayout<Number>.size <= bytes.count, "field outside of its structure")
            return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
        }
    }

    func guid(at position: Int) -> GUID { GUID(bytes: Array(self[position..<position + 16])) }

    mutating func setGUID(_ value: GUID, at position: Int) { replaceSubrange(position..<position + 16, with: value.bytes) }
}

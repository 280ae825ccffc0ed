import Basics

/// Bytes of a message with its little-endian fields: reading is bounded, writing grows.
struct IntegrationFields: Equatable {
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// An empty message of `count` zero bytes.
    init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }

    // MARK: Reading

    /// The field at byte `offset`; nil when the message ends before it does.
    func value<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        bytes.littleEndian(at: offset)
    }

    /// `count` bytes from `offset`; nil when the message ends before they do.
    func part(at offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else { return nil }
        return Array(bytes[offset..<offset + count])
    }

    // MARK: Writing

    mutating func append<Value: FixedWidthInteger>(_ value: Value) { bytes.append(littleEndian: value) }

    mutating func append(_ more: [UInt8]) { bytes += more }

    /// Zeros up to `count` bytes in all.
    mutating func pad(to count: Int) {
        if bytes.count < count { bytes += [UInt8](repeating: 0, count: count - bytes.count) }
    }
}

/// Text in a fixed field of UTF-16 code units, as these services exchange it: little-endian, ended by a zero unit.
enum UTF16Field {
    /// `text` in a field of `units` code units with at least one zero at its end; nil when it does not fit or contains a zero itself.
    static func encode(_ text: String, units: Int) -> [UInt8]? {
        let code = Array(text.utf16)
        guard code.count < units, !code.contains(0) else { return nil }
        var fields = IntegrationFields()
        for unit in code { fields.append(unit) }
        fields.pad(to: units * 2)
        return fields.bytes
    }

    /// The text up to the first zero unit or the field's end. Whatever is not UTF-16 becomes U+FFFD; an odd last byte is dropped.
    static func decode(_ field: [UInt8]) -> String {
        var code: [UInt16] = []
        for offset in stride(from: 0, to: field.count - 1, by: 2) {
            let unit = UInt16(field[offset]) | UInt16(field[offset + 1]) << 8
            if unit == 0 { break }
            code.append(unit)
        }
        return String(decoding: code, as: UTF16.self)
    }
}

/// A 128-bit identifier in the Microsoft byte order: the first three groups are little-endian in memory (MS-DTYP 2.3.4).
public struct GUID: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
    /// The sixteen bytes as they stand in memory and in messages.
    public let bytes: [UInt8]

    /// Precondition: sixteen bytes.
    public init(bytes: [UInt8]) {
        precondition(bytes.count == 16, "a GUID has sixteen bytes")
        self.bytes = bytes
    }

    /// A version 4 identifier from the system's random numbers.
    public init() {
        // Two draws: each is a system call.
        var generator = SystemRandomNumberGenerator()
        self.init(version4: (0..<2).flatMap { _ in [UInt8](littleEndian: generator.next() as UInt64) })
    }

    /// A version 4 identifier from `generator` (a VM's seed in Exact mode).
    public init(using generator: inout some RandomNumberGenerator) {
        self.init(version4: (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    /// Precondition: sixteen random bytes.
    private init(version4 random: [UInt8]) {
        var bytes = random
        bytes[7] = bytes[7] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        self.bytes = bytes
    }

    /// Parses `8-4-4-4-12` hexadecimal digits, with or without braces, in any letter case.
    public init?(_ text: some StringProtocol) {
        var digits = Substring(String(text))
        if digits.hasPrefix("{"), digits.hasSuffix("}") { digits = digits.dropFirst().dropLast() }
        let groups = digits.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12] else { return nil }
        var plain: [UInt8] = []
        var high: UInt8?
        for character in groups.joined() {
            guard character.isASCII, let value = character.hexDigitValue else { return nil }
            if let first = high {
                plain.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        bytes = Self.swapped(plain)
    }

    /// Lower-case `8-4-4-4-12` form.
    public var description: String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for (position, byte) in Self.swapped(bytes).enumerated() {
            if [4, 6, 8, 10].contains(position) { text.append("-") }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    public static func < (left: GUID, right: GUID) -> Bool { left.description < right.description }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = GUID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "“\(text)” is not a GUID")
        }
        self = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Between the order of memory and the order of the text form.
    private static func swapped(_ b: [UInt8]) -> [UInt8] {
        [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]] + b[8...]
    }
}

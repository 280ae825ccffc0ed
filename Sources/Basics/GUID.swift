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
        var digits = Array(text.utf8)[...]
        if digits.first == 0x7b, digits.last == 0x7d { digits = digits.dropFirst().dropLast() }
        guard digits.count == 36 else { return nil }
        var plain: [UInt8] = []
        plain.reserveCapacity(16)
        var high: UInt8?
        for (position, digit) in digits.enumerated() {
            if [8, 13, 18, 23].contains(position) {
                guard digit == 0x2d else { return nil }
                continue
            }
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x41...0x46: value = digit - 0x41 + 10
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            if let first = high {
                plain.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        bytes = Self.swapped(plain)
    }

    /// Lower-case `8-4-4-4-12` form.
    public var description: String {
        let plain = Self.swapped(bytes)
        return String(unsafeUninitializedCapacity: 36) { text in
            func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
            var place = 0
            for position in 0..<16 {
                if position == 4 || position == 6 || position == 8 || position == 10 {
                    text[place] = 0x2d
                    place += 1
                }
                text[place] = digit(plain[position] >> 4)
                text[place + 1] = digit(plain[position] & 15)
                place += 2
            }
            return place
        }
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

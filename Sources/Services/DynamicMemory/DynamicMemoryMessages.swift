import Basics

/// Messages of the dynamic memory protocol (Linux: drivers/hv/hv_balloon.c), little-endian.
///
///     header │ type u16 │ bytes of the whole message u16 │ transaction u32 │
///     range  │ first page, 40 bits │ pages, 24 bits │
enum DynamicMemoryMessage {
    static let headerSize = 8

    enum Kind {
        static let versionRequest: UInt16 = 1, versionResponse: UInt16 = 2
        static let capabilities: UInt16 = 3, capabilitiesResponse: UInt16 = 4
        static let status: UInt16 = 5
        static let balloonRequest: UInt16 = 6, balloonResponse: UInt16 = 7
        static let unballoonRequest: UInt16 = 8, unballoonResponse: UInt16 = 9
        static let hotAddRequest: UInt16 = 10, hotAddResponse: UInt16 = 11
    }

    /// Versions that are answered with yes: 2.0, 1.0 and 0.3.
    static let versions: [UInt32] = [2 << 16, 1 << 16, 3]

    static func make(_ kind: UInt16, transaction: UInt32, _ body: [UInt8]) -> [UInt8] {
        [UInt8](littleEndian: kind) + [UInt8](littleEndian: UInt16(headerSize + body.count)) + [UInt8](littleEndian: transaction) + body
    }
}

/// Guest-physical pages that belong together.
package struct PageRange: Codable, Hashable, Sendable {
    /// Page number.
    package var first: UInt64
    package var count: UInt64
    package init(first: UInt64, count: UInt64) { (self.first, self.count) = (first, count) }

    static let largestCount: UInt64 = 1 << 24 - 1
    var wire: UInt64 { first & (1 << 40 - 1) | count << 40 }
    init(wire: UInt64) { (first, count) = (wire & (1 << 40 - 1), wire >> 40) }
}

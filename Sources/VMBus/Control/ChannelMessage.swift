import Basics

/// The type word of a control message (Linux: enum vmbus_channel_message_type).
///
///     message   u32 type │ u32 0 │ fields by type, little-endian, packed          at most 240 bytes: the payload of a SynIC message
enum ChannelMessageType: UInt32, Sendable {
    case offer = 1
    case rescindOffer, requestOffers, allOffersDelivered
    case open, openResult, close
    case gpadlHeader, gpadlBody, gpadlCreated, gpadlTeardown, gpadlTornDown
    case relidReleased, initiateContact, versionResponse, unload, unloadResponse
    case connectRequest = 21
    case modify, connectResult, modifyResponse
}

/// Numbers of the VMBus protocol that more than one file needs.
package enum VMBusProtocol {
    /// Versions that are negotiated, as major << 16 | minor (Linux 6.1 offers these, newest first, and older ones we refuse).
    package static let versions: [UInt32] = [0x4_0000, 0x4_0001, 0x5_0000, 0x5_0001, 0x5_0002, 0x5_0003]
    /// From this version the contact names the interrupt source of messages and has no interrupt page.
    package static let version5: UInt32 = 0x5_0000
    /// From this version a change of a channel's target is answered.
    package static let versionWithModifyAnswer: UInt32 = 0x5_0003
    /// The synthetic interrupt source (SINT) of channel events, and of messages before version 5.
    package static let interruptSource = 2
    /// Connections to which the guest posts control messages: before version 5, and since.
    package static let messageConnections: [UInt32] = [1, 4]
    /// Relids are event flags of a page of 2048; 0 is not used.
    package static let relids: ClosedRange<UInt32> = 1...2047
    /// A channel's connection id (HvCallSignalEvent) is this plus its relid.
    package static let firstConnection: UInt32 = 0x1000
    /// Bytes of user-defined data in offers and open requests.
    package static let userDataSize = 120
    /// Bytes of a message's payload.
    package static let messageSize = 240
    /// STATUS_UNSUCCESSFUL: any refusal.
    package static let failure: UInt32 = 0xC000_0001
    /// STATUS_CONNECTION_REFUSED: nobody listens at a socket's service.
    package static let connectionRefused: UInt32 = 0xC000_0236
    static let enumerateInterface: UInt16 = 0x1
    static let socketOffer: UInt16 = 0x2000
}

/// Reads a message's fields in order; nil beyond its end.
struct MessageReader {
    private let bytes: [UInt8]
    private(set) var position: Int

    /// Starts behind the header.
    init(_ bytes: [UInt8], at position: Int = 8) { (self.bytes, self.position) = (bytes, position) }

    var remaining: Int { max(0, bytes.count - position) }

    mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type = Value.self) -> Value? {
        guard let value = bytes.littleEndian(at: position, as: Value.self) else { return nil }
        position += MemoryLayout<Value>.size
        return value
    }

    mutating func array(_ count: Int) -> [UInt8]? {
        guard remaining >= count else { return nil }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func guid() -> GUID? { array(16).map(GUID.init(bytes:)) }
}

/// Builds a message field by field.
struct MessageWriter {
    private(set) var bytes: [UInt8] = []

    init(_ type: ChannelMessageType) {
        bytes.reserveCapacity(VMBusProtocol.messageSize)
        add(type.rawValue)
        add(UInt32(0))
    }

    mutating func add<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) { bytes.append(littleEndian: value) }

    mutating func add(_ array: [UInt8], padTo size: Int) {
        bytes += array.prefix(size)
        bytes += repeatElement(0, count: max(0, size - array.count))
    }

    /// A message of 32-bit fields only.
    static func words(_ type: ChannelMessageType, _ words: UInt32...) -> [UInt8] {
        var writer = MessageWriter(type)
        for word in words { writer.add(word) }
        return writer.bytes
    }
}

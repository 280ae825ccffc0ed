/// A SynIC message before it lies in a slot (TLFS 11.5, HV_MESSAGE): at most 240 bytes of payload.
///
///     slot, 256 bytes   │ type u32 │ size u8 │ flags u8 │ 0 u16 │ sender u64 │ payload, 240 bytes │
package struct SyntheticMessage: Codable, Equatable, Sendable {
    package static let slotSize = 256
    package static let payloadLimit = 240
    /// HvMessageTypeTimerExpired.
    package static let timerExpired: UInt32 = 0x8000_0010

    /// 0 would mean an empty slot; bit 31 is set in the hypervisor's own messages.
    package var type: UInt32
    /// Port id of a posted message, otherwise 0.
    package var sender: UInt64
    package var payload: [UInt8]

    package init(type: UInt32, sender: UInt64 = 0, payload: [UInt8]) {
        self.type = type
        self.sender = sender
        self.payload = Array(payload.prefix(Self.payloadLimit))
    }
}

/// A message that waits for its slot, and which buffer it occupies.
package struct QueuedMessage: Codable, Equatable, Sendable {
    /// Whose buffer holds the message: each source has few (TLFS 11.5.2).
    package enum Buffer: Codable, Equatable, Sendable {
        /// One of the sixteen of a port.
        case port(UInt32)
        /// The one of a synthetic timer; the value is the due time in 100 ns, the delivery time is filled in on delivery.
        case timer(Int, due: UInt64)
    }
    package var buffer: Buffer
    package var message: SyntheticMessage
}

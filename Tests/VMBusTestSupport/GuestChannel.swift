import DeviceModel
import VMBus

/// A packet that the host sent.
package struct GuestPacket: Equatable, Sendable {
    package var kind: PacketKind
    package var transaction: UInt64
    package var completionRequested: Bool
    /// What follows the data offset, with padding.
    package var payload: [UInt8]
    package var transferSet: UInt16 = 0
    package var transferRanges: [TransferRange] = []
    package struct TransferRange: Equatable, Sendable {
        package var offset: UInt32
        package var count: UInt32
        package init(offset: UInt32, count: UInt32) { (self.offset, self.count) = (offset, count) }
    }
}

/// A channel that the guest has open.
package final class GuestChannel {
    package let offer: GuestOffer
    package let gpadl: UInt32
    /// To the host.
    package let outbound: GuestRing
    /// From the host.
    package let inbound: GuestRing
    private unowned let bus: GuestBus
    /// How often it signalled the host.
    package private(set) var signalsSent = 0

    package init(offer: GuestOffer, gpadl: UInt32, outbound: GuestRing, inbound: GuestRing, bus: GuestBus) {
        (self.offer, self.gpadl, self.outbound, self.inbound, self.bus) = (offer, gpadl, outbound, inbound, bus)
    }

    package func signal() {
        signalsSent += 1
        bus.transport.guestSignals(offer.connection)
    }

    /// Puts a packet of any kind into the ring and signals if the protocol wants it. `lists`: between descriptor and data. false: no room.
    package func send(_ kind: PacketKind, transaction: UInt64, flags: UInt16, lists: [UInt8], payload: [UInt8]) -> Bool {
        let start = 16 + lists.count
        let length = (start + payload.count + 7) / 8 * 8
        var packet = GuestRing.little(kind.rawValue) + GuestRing.little(UInt16(start / 8)) + GuestRing.little(UInt16(length / 8))
        packet += GuestRing.little(flags) + GuestRing.little(transaction) + lists + payload
        packet += [UInt8](repeating: 0, count: length - packet.count)
        guard let wantsSignal = outbound.write(packet) else { return false }
        if wantsSignal { signal() }
        return true
    }

    /// An in-band packet.
    package func send(_ payload: [UInt8], transaction: UInt64 = 0, completionRequested: Bool = false) -> Bool {
        send(.inBand, transaction: transaction, flags: completionRequested ? 1 : 0, lists: [], payload: payload)
    }

    /// The answer to a packet of the host's.
    package func complete(_ transaction: UInt64, _ payload: [UInt8] = []) -> Bool {
        send(.completion, transaction: transaction, flags: 0, lists: [], payload: payload)
    }

    /// A packet with page buffers, each within one page.
    package func sendDirect(
        _ payload: [UInt8], buffers: [(address: UInt64, count: Int)], transaction: UInt64 = 0, completionRequested: Bool = true
    ) -> Bool {
        var lists = GuestRing.little(UInt32(0)) + GuestRing.little(UInt32(buffers.count))
        for buffer in buffers {
            lists += GuestRing.little(UInt32(buffer.count)) + GuestRing.little(UInt32(buffer.address & 4095))
            lists += GuestRing.little(buffer.address >> 12)
        }
        return send(.direct, transaction: transaction, flags: completionRequested ? 1 : 0, lists: lists, payload: payload)
    }

    /// A packet with one multi-page list: `count` bytes from `offset` in the first of `pages` (guest-physical addresses).
    package func sendList(
        _ payload: [UInt8], pages: [UInt64], offset: Int = 0, count: Int, transaction: UInt64 = 0, completionRequested: Bool = true
    ) -> Bool {
        var lists = GuestRing.little(UInt32(0)) + GuestRing.little(UInt32(1))
        lists += GuestRing.little(UInt32(count)) + GuestRing.little(UInt32(offset))
        for page in pages { lists += GuestRing.little(page >> 12) }
        return send(.direct, transaction: transaction, flags: completionRequested ? 1 : 0, lists: lists, payload: payload)
    }

    /// The next packet from the host, without giving its room back: `finishReading` does that for all.
    package func take() -> GuestPacket? {
        guard let bytes = inbound.next() else { return nil }
        let start = Int(GuestRing.integer(bytes, at: 2, UInt16.self)) * 8
        var packet = GuestPacket(
            kind: PacketKind(rawValue: GuestRing.integer(bytes, at: 0, UInt16.self)),
            transaction: GuestRing.integer(bytes, at: 8, UInt64.self),
            completionRequested: GuestRing.integer(bytes, at: 6, UInt16.self) & 1 != 0, payload: Array(bytes[start...]))
        if packet.kind == .transferPages {
            packet.transferSet = GuestRing.integer(bytes, at: 16, UInt16.self)
            for index in 0..<Int(GuestRing.integer(bytes, at: 20, UInt32.self)) {
                packet.transferRanges.append(
                    .init(
                        offset: GuestRing.integer(bytes, at: 28 + index * 8, UInt32.self),
                        count: GuestRing.integer(bytes, at: 24 + index * 8, UInt32.self)))
            }
        }
        return packet
    }

    package func finishReading() {
        if inbound.closeReading() { signal() }
    }

    /// The next packet from the host; nil: none.
    package func receive() -> GuestPacket? {
        guard let packet = take() else { return nil }
        finishReading()
        return packet
    }

    /// All packets that are there.
    package func receiveAll() -> [GuestPacket] {
        var packets: [GuestPacket] = []
        while let packet = take() { packets.append(packet) }
        finishReading()
        return packets
    }

    /// Sends in band, lets the host work and returns its first packet.
    package func exchange(_ payload: [UInt8], transaction: UInt64 = 1, completionRequested: Bool = true) -> GuestPacket? {
        guard send(payload, transaction: transaction, completionRequested: completionRequested) else { return nil }
        bus.run()
        return receive()
    }
}

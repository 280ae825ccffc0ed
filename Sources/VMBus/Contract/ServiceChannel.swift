import DeviceModel

/// An open channel as its service sees it: packets in, packets out. Used only inside the device's pump.
///
/// What is sent becomes visible to the guest after the device's method (or the body of a timer, `post`, `perform` or `watch`) returns,
/// all packets at once, with a signal only if the guest wants one (interrupt mask, empty ring).
package protocol ServiceChannel: AnyObject {
    /// 0: the primary; 1…: sub-channels.
    var index: Int { get }
    /// The VP that the guest wants its interrupts on.
    var targetProcessor: Int { get }
    var isOpen: Bool { get }

    /// Copies the oldest packet out of the guest's ring and frees its room. false: there is none (the guest signals the next one) or the
    /// ring was corrupt, in which case the channel is closed after this call. Who stops before false must come back by himself: the guest
    /// does not signal again for what is already in the ring.
    func receive(into packet: inout ReceivedPacket) -> Bool
    /// Puts a packet into the guest's ring: `payload` parts one after another. false: no room, nothing written; `ringChanged` comes when
    /// there is room (pending-send size).
    func send(
        _ kind: PacketKind, transaction: UInt64, completionRequested: Bool, payload: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer
    ) -> Bool
    /// A transfer-page packet: `payload`, and ranges inside the buffer that `set` names to the guest.
    func sendTransferPages(
        transaction: UInt64, set: UInt16, ranges: [(offset: UInt32, count: UInt32)], payload: UnsafeRawBufferPointer
    ) -> Bool
    /// Bytes that a packet's payload may have now.
    var room: Int { get }
    /// The guest memory of an established GPADL of this channel; nil: there is none of this id.
    func buffer(gpadl: UInt32) -> GuestBuffer?
    /// Closes the channel because the guest broke the protocol; it stays open for the guest until it closes, but nothing moves any more.
    func fail(_ reason: String)
    /// Bytes of the largest payload that fits when the ring is empty: a larger packet never fits.
    var capacity: Int { get }
    /// Shows the guest what was sent and freed so far, with a signal if it wants one, instead of at the end of the batch.
    func flush()
}

extension ServiceChannel {
    /// An in-band packet from bytes.
    package func send(_ bytes: [UInt8], transaction: UInt64 = 0, completionRequested: Bool = false) -> Bool {
        bytes.withUnsafeBytes {
            send(
                .inBand, transaction: transaction, completionRequested: completionRequested, payload: $0,
                UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// The completion of a packet of the guest's.
    package func complete(_ transaction: UInt64, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes {
            send(
                .completion, transaction: transaction, completionRequested: false, payload: $0, UnsafeRawBufferPointer(start: nil, count: 0)
            )
        }
    }
}

/// The type word of a packet's descriptor (Linux: enum vmbus_packet_type).
package struct PacketKind: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let inBand = PacketKind(rawValue: 6)
    package static let transferPages = PacketKind(rawValue: 7)
    package static let direct = PacketKind(rawValue: 9)
    package static let completion = PacketKind(rawValue: 11)
}

/// A packet copied out of a ring. Reuse one value for many packets: its arrays keep their room.
package struct ReceivedPacket: Sendable {
    package var kind = PacketKind.inBand
    package var transaction: UInt64 = 0
    package var completionRequested = false
    /// What follows the descriptor; may have up to seven bytes of padding at its end.
    package var payload: [UInt8] = []
    /// `direct`: the guest's buffers in order, checked to lie in RAM; within one page buffer or list neighbouring pages are one range.
    package var ranges: [GuestRange] = []
    /// `transferPages`: the set and its ranges.
    package var transferSet: UInt16 = 0
    package var transferRanges: [(offset: UInt32, count: UInt32)] = []
    package init() {}
}

/// Guest memory that a GPADL describes, as one run of bytes.
package struct GuestBuffer: Sendable {
    package let gpadl: UInt32
    /// Bytes.
    package let count: Int
    /// All ranges but the last have whole pages: where the run's bytes lie is found by page number.
    private let pages: [UInt64]
    private let firstOffset: Int
    private let memory: GuestMemory

    /// `pages`: guest-physical page numbers, checked to lie in RAM; the run begins `firstOffset` bytes into the first.
    package init(gpadl: UInt32, pages: [UInt64], firstOffset: Int, count: Int, memory: GuestMemory) {
        (self.gpadl, self.pages, self.firstOffset, self.count, self.memory) = (gpadl, pages, firstOffset, count, memory)
    }

    /// Appends the ranges of part of the run; false, and nothing appended, when it does not lie in it.
    package func append(offset: Int, count: Int, to ranges: inout [GuestRange]) -> Bool {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count - offset else { return false }
        Self.append(pages: pages, from: firstOffset + offset, count: count, to: &ranges)
        return true
    }

    private static func append(pages: [UInt64], from start: Int, count: Int, to ranges: inout [GuestRange]) {
        let size = Int(GuestMemory.pageSize)
        var (position, left) = (start, count)
        let first = ranges.count
        while left > 0, position / size < pages.count {
            let length = min(size - position % size, left)
            let address = pages[position / size] << 12 + UInt64(position % size)
            if ranges.count > first, ranges[ranges.count - 1].address + UInt64(ranges[ranges.count - 1].count) == address {
                ranges[ranges.count - 1].count += length
            } else {
                ranges.append(GuestRange(address: address, count: length))
            }
            position += length
            left -= length
        }
    }
}

import CHost

/// The host-to-guest ring: packets go in; the guest sees them when the write index is stored (`publish`), all of a batch at once.
///
/// A reader that has seen the ring empty sleeps: a signal is due exactly when a store of the write index finds the read index where the
/// last store left the write index, and the guest has not masked interrupts. One store per batch keeps that rule whole.
struct OutgoingRing {
    let ring: RingMemory
    private var write: Int
    private var published: Int
    /// Read index as last seen.
    private var read: Int
    /// The guest was asked to signal when it has made room.
    private(set) var awaitsRoom: Bool

    /// nil: the header holds indices that cannot be.
    init?(_ ring: RingMemory) {
        guard let write = ring.index(.write), let read = ring.index(.read) else { return nil }
        self.ring = ring
        (self.write, published, self.read) = (write, write, read)
        awaitsRoom = ring.load(.pendingSend) != 0
        // feat_pending_send_sz: we heed the guest's pending send size, and it may heed ours.
        ring.store(.features, ring.load(.features) | 1)
    }

    var hasUnpublished: Bool { write != published }

    private var free: Int { ring.size - (write >= read ? write - read : write - read + ring.size) }

    /// Payload bytes that an empty ring takes: never quite all, for a full ring would look empty.
    var capacity: Int { min(ring.size - 32, Int(UInt16.max) * 8 - 16) }

    /// Payload bytes that fit now; nil: the guest's read index cannot be.
    mutating func room() -> Int? {
        guard let index = ring.index(.read) else { return nil }
        read = index
        return max(0, min(free - 8 - 24, Int(UInt16.max) * 8 - 16))
    }

    enum Outcome { case sent, full, corrupt }

    /// `lists`: what stands between descriptor and data, a multiple of 8 bytes.
    mutating func send(
        _ kind: UInt16, transaction: UInt64, flags: UInt16, lists: UnsafeRawBufferPointer, _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer, needsSignal: inout Bool
    ) -> Outcome {
        let start = 16 + lists.count
        let length = (start + first.count + second.count + 7) & ~7
        let total = length + 8
        guard length <= Int(UInt16.max) * 8, total < ring.size else { return .full }
        if free <= total {
            guard let index = ring.index(.read) else { return .corrupt }
            read = index
            if free <= total {
                // Show all, say how much is wanted, and look once more: the guest may have read meanwhile.
                if publish() { needsSignal = true }
                ring.store(.pendingSend, UInt32(total))
                awaitsRoom = true
                lv_fence()
                guard let again = ring.index(.read) else { return .corrupt }
                read = again
                if free <= total { return .full }
            }
        }
        if awaitsRoom {
            ring.store(.pendingSend, 0)
            awaitsRoom = false
        }
        ring.willWrite(write, count: total)
        let descriptor = UInt64(kind) | UInt64(start / 8) << 16 | UInt64(length / 8) << 32 | UInt64(flags) << 48
        ring.store64(write, descriptor)
        ring.store64(ring.wrapped(write + 8), transaction)
        var position = ring.wrapped(write + 16)
        if lists.count > 0 {
            ring.write(position, lists)
            position = ring.wrapped(position + lists.count)
        }
        // The last word first, so that the bytes behind the payload are zeros.
        if length > start, (first.count + second.count) & 7 != 0 { ring.store64(ring.wrapped(write + length - 8), 0) }
        if first.count > 0 {
            ring.write(position, first)
            position = ring.wrapped(position + first.count)
        }
        if second.count > 0 { ring.write(position, second) }
        // Trailer: the packet's own start, in the high half.
        ring.store64(ring.wrapped(write + length), UInt64(write) << 32)
        write = ring.wrapped(write + total)
        return .sent
    }

    /// Bytes that the guest cannot see yet.
    var unpublished: Int { write >= published ? write - published : write - published + ring.size }

    /// Shows the guest what was sent. true: it wants a signal.
    mutating func publish() -> Bool {
        guard write != published else { return false }
        let former = published
        ring.store(.write, UInt32(write))
        published = write
        lv_fence()
        guard ring.load(.interruptMask) == 0 else { return false }
        return Int(ring.load(.read)) == former
    }
}

import Basics
import DeviceModel
import Synchronization

/// An open channel: two rings in pages of one GPADL, and the signals both ways. Everything but `signalled` happens in the device's pump.
///
///     GPADL   guest-to-host ring: header, data …  │  host-to-guest ring: header, data …
///             page 0                                 page `downstreamPage`
final class RingChannel: ServiceChannel, @unchecked Sendable {
    /// Packets that one `ringChanged` may take before others have their turn: a guest that never stops must not starve its neighbours.
    static let budget = 1024

    let relid: UInt32
    let index: Int
    /// Only in the pump; broken when the channel is detached.
    private(set) var slot: DeviceSlot?
    private let dispatcher: PumpDispatcher
    private let transport: any VMBusTransport
    private var incoming: IncomingRing
    private var outgoing: OutgoingRing

    private(set) var isOpen = false
    var targetProcessor: Int
    /// `fail` was called and the device has not heard `closed` yet.
    private(set) var hasFailed = false
    private var needsSignal = false
    private var isDirty = false
    private var budget = RingChannel.budget
    /// Set by the guest's signal, on any thread.
    private let isSignalled = Atomic<Bool>(false)

    /// nil: the rings' headers hold indices that cannot be.
    init?(relid: UInt32, index: Int, slot: DeviceSlot, transport: any VMBusTransport, request: OpenRequest, pages: [UInt64]) {
        let split = Int(request.downstreamPage)
        guard split >= 2, split <= pages.count - 2,
            let upstream = RingMemory(memory: slot.memory, pages: pages[..<split]), let incoming = IncomingRing(upstream),
            let downstream = RingMemory(memory: slot.memory, pages: pages[split...]), let outgoing = OutgoingRing(downstream)
        else { return nil }
        (self.relid, self.index, self.slot, self.transport) = (relid, index, slot, transport)
        dispatcher = slot.dispatcher
        (self.incoming, self.outgoing) = (incoming, outgoing)
        targetProcessor = Int(request.targetProcessor)
    }

    // MARK: the server's side

    /// The guest's signal: any thread, cheap when one is pending already.
    func signalled() {
        guard !isSignalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        dispatcher.enqueue(self)
    }

    var isSignalPending: Bool { isSignalled.load(ordering: .acquiring) }

    /// From now on the service may use it.
    func activate() { isOpen = true }

    /// The dispatcher hands the channel to its device.
    func beginTurn() {
        isSignalled.store(false, ordering: .releasing)
        budget = Self.budget
    }

    /// Shows the guest what happened in this batch, and signals it if it wants that.
    func endBatch() {
        isDirty = false
        flush()
    }

    /// The device has heard `closed`; nothing moves any more.
    func deactivate() {
        flush()
        isOpen = false
        hasFailed = false
    }

    /// No one signals it any more.
    func detach() { slot = nil }

    // MARK: the service's side

    var isUsable: Bool { isOpen && !hasFailed }

    func receive(into packet: inout ReceivedPacket) -> Bool {
        guard isUsable else { return false }
        guard budget > 0 else {
            signalled()
            return false
        }
        budget -= 1
        switch incoming.next(into: &packet, needsSignal: &needsSignal) {
        case .packet:
            markDirty()
            return true
        case .empty:
            if needsSignal { markDirty() }
            return false
        case .corrupt(let reason):
            fail("the ring from the guest is corrupt: \(reason)")
            return false
        }
    }

    func send(
        _ kind: PacketKind, transaction: UInt64, completionRequested: Bool, payload: UnsafeRawBufferPointer, _ more: UnsafeRawBufferPointer
    ) -> Bool {
        put(
            kind, transaction: transaction, flags: completionRequested ? 1 : 0, lists: UnsafeRawBufferPointer(start: nil, count: 0),
            payload,
            more)
    }

    func sendTransferPages(
        transaction: UInt64, set: UInt16, ranges: [(offset: UInt32, count: UInt32)], payload: UnsafeRawBufferPointer
    ) -> Bool {
        // u16 set │ u8 owned by us │ u8 │ u32 ranges │ { u32 bytes │ u32 offset }
        withUnsafeTemporaryAllocation(byteCount: 8 + ranges.count * 8, alignment: 8) { lists in
            lists.storeBytes(of: UInt64(set) | UInt64(ranges.count) << 32, as: UInt64.self)
            for (position, range) in ranges.enumerated() {
                lists.storeBytes(
                    of: UInt64(range.count) | UInt64(range.offset) << 32, toByteOffset: 8 + position * 8, as: UInt64.self)
            }
            return put(
                .transferPages, transaction: transaction, flags: 1, lists: UnsafeRawBufferPointer(lists), payload,
                UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    private func put(
        _ kind: PacketKind, transaction: UInt64, flags: UInt16, lists: UnsafeRawBufferPointer, _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer
    ) -> Bool {
        guard isUsable else { return false }
        switch outgoing.send(
            kind.rawValue, transaction: transaction, flags: flags, lists: lists, first, second, needsSignal: &needsSignal)
        {
        case .sent:
            markDirty()
            // The guest works in parallel: it need not wait for the end of a long batch.
            if outgoing.unpublished > outgoing.ring.size / 4 { flush() }
            return true
        case .full:
            if needsSignal { markDirty() }
            return false
        case .corrupt:
            fail("the ring to the guest is corrupt: its read index is \(outgoing.ring.load(.read))")
            return false
        }
    }

    var room: Int {
        guard isUsable else { return 0 }
        guard let room = outgoing.room() else {
            fail("the ring to the guest is corrupt: its read index is \(outgoing.ring.load(.read))")
            return 0
        }
        return room
    }

    var capacity: Int { outgoing.capacity }

    func buffer(gpadl: UInt32) -> GuestBuffer? { isUsable ? slot?.buffer(gpadl: gpadl, relid: relid) : nil }

    func fail(_ reason: String) {
        guard isUsable else { return }
        hasFailed = true
        slot?.note("Channel \(relid) of device \(slot?.instance.description ?? "") is closed: \(reason).")
        markDirty()
    }

    func flush() {
        guard isOpen else { return }
        if incoming.publish() { needsSignal = true }
        if outgoing.publish() { needsSignal = true }
        guard needsSignal else { return }
        needsSignal = false
        transport.signal(flag: Int(relid), processor: targetProcessor, source: VMBusProtocol.interruptSource)
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        dispatcher.markDirty(self)
    }
}

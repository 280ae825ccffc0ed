import DeviceModel
import VMBus

/// The sections of a guest's receive buffer, and who has them: free, filled and waiting for room in the guest's ring, or with the guest.
///
/// Sections go to the guest in groups: those of one packet in its ring, which it gives back together. A group is a chain of sections; its
/// first section names it, and its transaction id is that section's number plus one.
struct ReceiveSections {
    let buffer: GuestBuffer
    /// The set's id in transfer-page packets.
    let set: UInt16
    /// Bytes of a section.
    let size: Int
    let count: Int
    private var free: [UInt32]
    /// The next section of the same group; `none` at its end.
    private var next: [UInt32]
    /// For the first section of a group that is with the guest: channel index plus one; 0 else.
    private var owner: [UInt8]

    private static let none = UInt32.max

    /// Precondition: `count` sections of `size` bytes lie in the buffer.
    init(_ buffer: GuestBuffer, set: UInt16, size: Int, count: Int) {
        (self.buffer, self.set, self.size, self.count) = (buffer, set, size, count)
        free = (0..<UInt32(count)).reversed()
        next = [UInt32](repeating: Self.none, count: count)
        owner = [UInt8](repeating: 0, count: count)
    }

    var freeCount: Int { free.count }
    /// Bytes of a frame that fit into a section.
    var capacity: Int { size - NVSP.headerRoom - NVSP.footerRoom }

    /// Takes a free section; nil: none.
    mutating func take() -> UInt32? { free.popLast() }

    /// Gives back a section that the guest has not seen.
    mutating func putBack(_ section: UInt32) { free.append(section) }

    /// Hands sections to the guest as one group; gives its transaction id. Precondition: not empty, all taken.
    mutating func lend(_ sections: some RandomAccessCollection<UInt32>, channel: Int) -> UInt64 {
        var head = Self.none
        for section in sections.reversed() {
            next[Int(section)] = head
            head = section
        }
        owner[Int(head)] = UInt8(truncatingIfNeeded: channel + 1)
        return UInt64(head) + 1
    }

    /// The guest gives a group back; false: it has no such group.
    mutating func giveBack(_ transaction: UInt64) -> Bool {
        guard transaction > 0, transaction <= UInt64(count), owner[Int(transaction) - 1] != 0 else { return false }
        var section = UInt32(transaction - 1)
        owner[Int(section)] = 0
        while section != Self.none {
            free.append(section)
            let following = next[Int(section)]
            next[Int(section)] = Self.none
            section = following
        }
        return true
    }

    /// Takes all groups of a channel back: it is closed.
    mutating func giveBackAll(channel: Int) {
        for head in owner.indices where Int(owner[head]) == channel + 1 { _ = giveBack(UInt64(head) + 1) }
    }

    /// The groups that are with the guest, in order of their transaction ids.
    var groups: [NetworkAdapterState.Group] {
        owner.indices.filter { owner[$0] != 0 }.map { head in
            var sections: [UInt32] = []
            var section = UInt32(head)
            while section != Self.none {
                sections.append(section)
                section = next[Int(section)]
            }
            return NetworkAdapterState.Group(channel: Int(owner[head]) - 1, sections: sections)
        }
    }

    /// Takes sections out of the free ones, as a saved state says; false when one of them is not free.
    mutating func claim(_ sections: [UInt32]) -> Bool {
        var available = Set(free)
        for section in sections where available.remove(section) == nil { return false }
        free.removeAll { !available.contains($0) }
        return true
    }
}

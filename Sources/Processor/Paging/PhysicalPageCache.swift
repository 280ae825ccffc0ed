/// What backs recently used physical pages, so that a page walk need not ask the guest-physical map for each table.
///
/// Safety: `entries` is `count` entries from init to `deallocate()`; indices are masked.
struct PhysicalPageCache {
    private struct Entry {
        /// Page address | writable bit; all ones: empty.
        var tag: UInt64 = ~0
        var host: UnsafeMutableRawPointer?
    }
    private static let count = 256
    private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: count)

    init() { entries.initialize(repeating: Entry(), count: Self.count) }
    func deallocate() { entries.deallocate() }
    func clear() { entries.update(repeating: Entry(), count: Self.count) }

    @inline(__always) func find(_ address: UInt64) -> GuestPhysicalPage? {
        let entry = entries + (Int(truncatingIfNeeded: address &>> 12) & (Self.count &- 1))
        guard entry.pointee.tag & ~0xfff == address & ~0xfff else { return nil }
        return GuestPhysicalPage(host: entry.pointee.host, isWritable: entry.pointee.tag & 1 != 0)
    }

    func keep(_ address: UInt64, _ page: GuestPhysicalPage) {
        entries[Int(truncatingIfNeeded: address &>> 12) & (Self.count &- 1)] = Entry(
            tag: address & ~0xfff | (page.isWritable ? 1 : 0), host: page.host)
    }
}

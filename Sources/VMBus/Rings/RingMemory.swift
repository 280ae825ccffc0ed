import CHost
import DeviceModel

#if canImport(Glibc)
    import Glibc
#endif

/// The pages of one ring: a header page, then the data, which wraps.
///
///     header   0 write index │ 4 read index │ 8 interrupt mask │ 12 pending send size │ … │ 64 feature bits │ … 4096
///     data     packets, each a multiple of 8 bytes; indices count bytes from the data's start
///
/// Safety: `pointers` hold the host addresses of the ring's guest pages for the channel's life. Guest RAM is mapped once and stays where it
/// is until `GuestMemory` ends, which this object keeps alive; pages are checked to be RAM when they are looked up. Positions are reduced
/// to the ring's size by the callers, which keep them as private numbers and never use an index of the guest's unchecked. Everything that
/// is read is copied out first; before each write decoded code in the range is revoked (`willWrite`, `store`), behind it the pages are marked.
final class RingMemory {
    /// Bytes of data.
    let size: Int
    let memory: GuestMemory
    /// Guest-physical addresses of the data pages.
    private let addresses: [UInt64]
    private let headerAddress: UInt64
    private let header: UnsafeMutableRawPointer
    private let pointers: UnsafeMutablePointer<UnsafeMutableRawPointer>
    /// The data pages follow one another in guest and host memory.
    private let isContiguous: Bool

    /// `pages`: page numbers, at least two. nil: one is not RAM.
    init?(memory: GuestMemory, pages: ArraySlice<UInt64>) {
        guard pages.count >= 2, pages.allSatisfy({ $0 <= UInt64.max >> 12 }) else { return nil }
        var hosts: [UnsafeMutableRawPointer] = []
        for page in pages {
            guard let host = memory.hostPage(at: page << 12) else { return nil }
            hosts.append(host)
        }
        let data = Array(hosts.dropFirst())
        let guests = pages.dropFirst().map { $0 << 12 }
        self.memory = memory
        addresses = guests
        headerAddress = (pages.first ?? 0) << 12
        header = hosts[0]
        size = data.count * 4096
        pointers = .allocate(capacity: data.count)
        pointers.initialize(from: data, count: data.count)
        isContiguous = (0..<data.count).allSatisfy { data[$0] == data[0] + $0 * 4096 && guests[$0] == guests[0] + UInt64($0) * 4096 }
    }

    deinit { pointers.deallocate() }

    enum Field: Int {
        case write = 0
        case read = 4
        case interruptMask = 8
        case pendingSend = 12
        case features = 64
    }

    @inline(__always) func load(_ field: Field) -> UInt32 { lv_load32(header + field.rawValue) }

    @inline(__always) func store(_ field: Field, _ value: UInt32) {
        revoke(headerAddress + UInt64(field.rawValue), 4)
        lv_store32(header + field.rawValue, value)
        memory.dirtyPages.mark(header)
    }

    /// An index of the header; nil when it is none of this ring's.
    @inline(__always) func index(_ field: Field) -> Int? {
        let value = Int(load(field))
        return value < size && value & 7 == 0 ? value : nil
    }

    @inline(__always) func wrapped(_ position: Int) -> Int { position >= size ? position - size : position }

    /// Precondition: `position` is a multiple of 8 below `size`.
    @inline(__always) func load64(_ position: Int) -> UInt64 { lv_load64(pointers[position >> 12] + (position & 4095)) }

    /// Calls `body` with the host bytes of [position, position + count), piece by piece. Precondition: position < size, count ≤ size.
    @inline(__always) private func forEachPiece(_ position: Int, _ count: Int, _ body: (UnsafeMutableRawPointer, UInt64, Int) -> Void) {
        var (position, left) = (position, count)
        while left > 0 {
            let length = min(left, isContiguous ? size - position : 4096 - (position & 4095))
            let page = position >> 12
            body(pointers[page] + (position & 4095), addresses[page] + UInt64(position & 4095), length)
            position = wrapped(position + length)
            left -= length
        }
    }

    /// Appends bytes of the ring to an array.
    @inline(__always) func read(_ position: Int, count: Int, appendingTo array: inout [UInt8]) {
        forEachPiece(position, count) { pointer, _, length in
            array.append(contentsOf: UnsafeRawBufferPointer(start: pointer, count: length))
        }
    }

    /// Revokes decoded code in [position, position + count), once for all writes of a packet. Precondition: as for reading.
    @inline(__always) func willWrite(_ position: Int, count: Int) {
        forEachPiece(position, count) { _, address, length in revoke(address, length) }
    }

    /// Copies `source` into the ring. Precondition: `willWrite` covers it.
    @inline(__always) func write(_ position: Int, _ source: UnsafeRawBufferPointer) {
        guard let base = source.baseAddress else { return }
        var done = 0
        forEachPiece(position, source.count) { pointer, _, length in
            memcpy(pointer, base + done, length)
            memory.dirtyPages.mark(pointer, count: length)
            done += length
        }
    }

    /// Writes one aligned word. Precondition: as `load64`, and `willWrite` covers it.
    @inline(__always) func store64(_ position: Int, _ value: UInt64) {
        lv_store64(pointers[position >> 12] + (position & 4095), value)
        memory.dirtyPages.mark(pointers[position >> 12])
    }

    @inline(__always) private func revoke(_ address: UInt64, _ count: Int) { _ = memory.withWritable(address, count: count) { _ in } }
}

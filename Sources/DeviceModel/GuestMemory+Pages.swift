#if canImport(Glibc)
    import Glibc
#endif

/// Whole-memory work of a machine that stands still: what is in use, giving all of it back. Page numbers count through the backing
/// (low RAM, then high RAM), not through the guest-physical space.
extension GuestMemory {
    /// Pages of RAM.
    package var pageCount: Int { Int(size / Self.pageSize) }

    /// Runs `body` with every page that holds anything but zeros, in rising order. Untouched pages are neither read nor allocated.
    package func forEachUsedPage(_ body: (_ page: Int, _ bytes: UnsafeRawBufferPointer) throws -> Void) rethrows {
        try withBacking { base, descriptor in
            // SEEK_DATA and SEEK_HOLE of lseek(2).
            let (seekData, seekHole): (Int32, Int32) = (3, 4)
            var position: off_t = 0
            while position < off_t(size) {
                let data = lseek(descriptor, position, seekData)
                if data < 0 { return }
                var end = lseek(descriptor, data, seekHole)
                if end < 0 { end = off_t(size) }
                for page in Int(data) / Int(Self.pageSize)..<(Int(end) + Int(Self.pageSize) - 1) / Int(Self.pageSize) {
                    let bytes = UnsafeRawBufferPointer(start: base + page * Int(Self.pageSize), count: Int(Self.pageSize))
                    if !Self.isZero(bytes) { try body(page, bytes) }
                }
                position = end
            }
        }
    }

    /// Runs `body` on one page of the backing to fill it; false where there is no such page. Revokes decoded code first.
    package func fillPage(_ page: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) -> Bool {
        guard page >= 0, page < pageCount else { return false }
        let offset = UInt64(page) * Self.pageSize
        let address = offset < lowSize ? offset : offset - lowSize + Self.highBase
        return withWritable(address, count: Int(Self.pageSize), body) != nil
    }

    /// Makes all of RAM zero again and gives its host memory back. Precondition: no VP runs.
    package func clear() {
        let size = size
        _ = withWritable(0, count: Int(lowSize)) { _ in }
        if highSize > 0 { _ = withWritable(Self.highBase, count: Int(highSize)) { _ in } }
        withBacking { base, _ in
            // MADV_REMOVE punches the pages out of the memory file; where that is refused they are filled with zeros.
            if madvise(base, Int(size), 9) != 0 { memset(base, 0, Int(size)) }
        }
    }

    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var collected: UInt64 = 0
        for offset in stride(from: 0, to: bytes.count, by: 64) {
            for lane in stride(from: 0, to: 64, by: 8) { collected |= bytes.load(fromByteOffset: offset + lane, as: UInt64.self) }
            if collected != 0 { return false }
        }
        return true
    }
}

import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// Which pages of RAM were written since somebody last asked: a bit per page of the backing, set in slow paths only.
///
/// *Taking* the marks while the guest runs happens in this order (`GuestMemory.collectDirtyPages`):
///
///     1  the bits are taken and cleared, each word at once
///     2  every VP gives back its write tags and says so, or is seen not to run guest code
///     3  membarrier(2)
///     4  the pages taken are read
///
/// No store is lost: it is seen by 4, or its page is marked behind 1 and is taken the next time. For
/// - a store through a write tag: a VP marks a page before it gives itself a tag for it, and between that, each store through the tag and
///   its answer in 2 nothing lets it count as not running. Either the mark came behind 1, or it came before: then the page was taken, and
///   stores before the answer in 2 are seen by 4, while later ones find no tag and mark anew;
/// - a store without a tag (pages with decoded code, page crossings, accessed and dirty bits): the VP marks at the store, with nothing
///   between the two that lets it count as not running, so that the same holds;
/// - a store of host code: it marks *behind* the store. When it finds the bit set already (or nobody tracking) it may have looked before 1;
///   3 then makes the store visible to 4. When it looks later, it sets the bit for the next time. Host code that is still at a store
///   marks when it is done, which is why the last taking must happen while nothing in the stack is at work.
package final class DirtyPages: @unchecked Sendable {
    // Safety: `words` is a bit for each of `count` pages, and a word in front that is not 0 while somebody tracks; valid from init to
    // deinit and only used atomically. Page numbers are compared with `count` before use. Untouched parts cost nothing.
    @usableFromInline let words: UnsafeMutablePointer<UInt64>
    @usableFromInline let tracking: UnsafeMutablePointer<UInt64>
    /// Host address of the first page.
    @usableFromInline let base: UInt
    @usableFromInline let count: Int
    private let mappingSize: Int

    /// For the pages of `capacity` bytes from `base` on.
    init(base: UnsafeMutableRawPointer, capacity: UInt64) throws(GuestMemoryError) {
        self.base = UInt(bitPattern: base)
        count = Int(capacity / GuestMemory.pageSize)
        mappingSize = ((count + 63) / 64 + 1) * 8
        guard let mapping = mmap(nil, mappingSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            mapping != MAP_FAILED
        else { throw GuestMemoryError(.refused, bytes: UInt64(mappingSize), errno: errno) }
        tracking = mapping.assumingMemoryBound(to: UInt64.self)
        words = tracking + 1
    }

    deinit { munmap(tracking, mappingSize) }

    /// Somebody wants to know; without it nothing is marked.
    @inlinable package var isTracking: Bool { lv_atomic_load64(tracking) != 0 }

    /// Marks the page of a host address. Addresses outside RAM are ignored: overlay pages are not RAM.
    @inlinable package func mark(_ host: UnsafeMutableRawPointer) {
        guard isTracking else { return }
        let page = (UInt(bitPattern: host) &- base) >> 12
        guard page < UInt(count) else { return }
        set(Int(page))
    }

    /// Marks the pages of a range of host addresses in RAM.
    @inlinable package func mark(_ host: UnsafeMutableRawPointer, count bytes: Int) {
        guard isTracking, bytes > 0 else { return }
        let offset = UInt(bitPattern: host) &- base
        mark(pages: Int(offset >> 12)..<Int((offset &+ UInt(bytes) &- 1) >> 12) + 1)
    }

    @usableFromInline func mark(pages: Range<Int>) {
        for page in pages.clamped(to: 0..<count) { set(page) }
    }

    @inlinable package func isMarked(_ host: UnsafeMutableRawPointer) -> Bool {
        let page = (UInt(bitPattern: host) &- base) >> 12
        return page >= UInt(count) || lv_atomic_load64(words + Int(page >> 6)) >> UInt64(page & 63) & 1 != 0
    }

    @inlinable func set(_ page: Int) {
        let bit = 1 << UInt64(page & 63) as UInt64
        // Most are set already, and a word is shared by many pages.
        if lv_atomic_load64(words + page >> 6) & bit == 0 { _ = lv_atomic_or64(words + page >> 6, bit) }
    }

    /// The marked pages below `limit`; with `clearing` they are no longer marked.
    func marks(below limit: Int, clearing: Bool) -> PageSet {
        let limit = min(limit, count)
        var taken = [UInt64](repeating: 0, count: (limit + 63) / 64)
        for index in taken.indices where lv_atomic_load64(words + index) != 0 {
            // A page behind the limit may just have become RAM and been written.
            let mask = limit - index * 64 < 64 ? ~(~0 << UInt64(limit - index * 64)) : ~0 as UInt64
            taken[index] = (clearing ? lv_atomic_and64(words + index, ~mask) : lv_atomic_load64(words + index)) & mask
        }
        return PageSet(count: limit, words: taken) ?? PageSet(count: limit)
    }

    func begin() { _ = lv_atomic_exchange64(tracking, 1) }
}

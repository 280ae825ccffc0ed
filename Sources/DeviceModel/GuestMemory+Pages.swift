import CHost

#if canImport(Glibc)
    import Glibc
#endif

/// Work on whole pages: what is in use, giving memory back. Page numbers count through the backing (low RAM, then high RAM), not through
/// the guest-physical space.
extension GuestMemory {
    /// Pages of RAM.
    package var pageCount: Int { Int(size / Self.pageSize) }

    /// The bytes of pages of the backing, for copying out. Precondition: they are RAM.
    package func bytes(of pages: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(pages.lowerBound >= 0 && pages.upperBound <= Int(capacity / Self.pageSize), "pages outside RAM")
        return UnsafeRawBufferPointer(
            start: base + pages.lowerBound * Int(Self.pageSize), count: pages.count * Int(Self.pageSize))
    }

    /// Runs `body` with every page that holds anything but zeros, in rising order. Untouched pages are neither read nor allocated.
    package func forEachUsedPage(_ body: (_ page: Int, _ bytes: UnsafeRawBufferPointer) throws -> Void) rethrows {
        var use = pagesInUse()
        var next = 0
        while let run = use.run(from: next, below: pageCount) {
            for page in run {
                let bytes = bytes(of: page..<page + 1)
                if let start = bytes.baseAddress, lv_page_sum(start) != 0 { try body(page, bytes) }
            }
            next = run.upperBound
        }
    }

    /// Which pages may hold anything but zeros now.
    package func pagesInUse() -> PagesInUse {
        mapped.withLock { mapped in
            guard let mapped else { return PagesInUse(descriptor: descriptor, foreign: nil, used: PageSet(count: 0)) }
            var used = mapped.used
            used.formUnion(dirtyPages.marks(below: used.count, clearing: false))
            return PagesInUse(descriptor: descriptor, foreign: mapped.foreign, used: used)
        }
    }

    /// Runs `body` on one page of the backing to fill it; false where there is no such page. Revokes decoded code first.
    package func fillPage(_ page: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) -> Bool {
        guard page >= 0, page < pageCount else { return false }
        let offset = UInt64(page) * Self.pageSize
        let address = offset < lowSize ? offset : offset - lowSize + Self.highBase
        return withWritable(address, count: Int(Self.pageSize), body) != nil
    }

    /// Makes all of RAM zero again and gives its host memory back; no file lies over it any more. Precondition: no VP runs.
    package func clear() {
        revokeAll()
        let isOwn = mapped.withLock { mapped -> Bool in
            guard mapped != nil else { return true }
            guard lv_punch_hole(descriptor, 0, capacity), mapOwn(0..<Int(capacity / Self.pageSize)) else { return false }
            mapped = nil
            return true
        }
        if isOwn { giveBack(0..<pageCount) } else { erase(0..<pageCount) }
        dirtyPages.mark(pages: 0..<pageCount)
    }

    /// Drops the decoded code of all of RAM on every VP.
    func revokeAll() {
        revoke(GuestRange(address: 0, count: Int(lowSize)))
        if highSize > 0 { revoke(GuestRange(address: Self.highBase, count: Int(highSize))) }
    }

    /// Makes pages zero and gives their host memory back, from the memfd or by turning away from the file that lies over it: that file
    /// is never changed.
    func giveBack(_ pages: Range<Int>) {
        mapped.withLock { mapped in
            var next = pages.lowerBound
            while next < pages.upperBound {
                let foreign = mapped?.foreign.run(from: next, below: pages.upperBound) ?? pages.upperBound..<pages.upperBound
                if next < foreign.lowerBound { giveOwnBack(next..<foreign.lowerBound) }
                if !foreign.isEmpty { mapped?.leave(foreign, of: self) }
                next = foreign.upperBound
            }
        }
        dirtyPages.mark(pages: pages)
    }

    private func giveOwnBack(_ pages: Range<Int>) {
        let (offset, count) = (UInt64(pages.lowerBound) * Self.pageSize, UInt64(pages.count) * Self.pageSize)
        if !lv_punch_hole(descriptor, offset, count) { erase(pages) }
    }

    /// Fills pages with zeros, wherever they lie.
    func erase(_ pages: Range<Int>) { memset(base + pages.lowerBound * Int(Self.pageSize), 0, pages.count * Int(Self.pageSize)) }

    /// Maps the memfd's own pages at their place; false where the host refuses.
    func mapOwn(_ pages: Range<Int>) -> Bool {
        let offset = pages.lowerBound * Int(Self.pageSize)
        let result = mmap(
            base + offset, pages.count * Int(Self.pageSize), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, descriptor,
            off_t(offset))
        return result != MAP_FAILED
    }

    /// Starts to mark what is written. When it returns, no store from now on goes unmarked. `collectDirtyPages` takes the marks.
    package func trackDirtyPages() {
        guard !dirtyPages.isTracking else { return }
        dirtyPages.begin()
        for listener in writeListeners { listener.revokeWriteTags() }
        _ = lv_barrier_all_threads()
    }

    /// True when `collectDirtyPages` may be called while host code writes to RAM.
    package static var canCollectWhileRunning: Bool { lv_barrier_all_threads() }

    /// Takes the marks set since the last time, in the order that `DirtyPages` describes. What was written to these pages before is
    /// seen by the caller; what is written from now on is marked again.
    package func collectDirtyPages() -> PageSet {
        let taken = mapped.withLock { mapped in
            let taken = dirtyPages.marks(below: pageCount, clearing: true)
            mapped?.used.formUnion(taken)
            return taken
        }
        for listener in writeListeners { listener.revokeWriteTags() }
        _ = lv_barrier_all_threads()
        return taken
    }

    /// Marks pages again that were collected in vain.
    package func markDirty(_ pages: PageSet) {
        var next = 0
        while let run = pages.run(from: next) {
            dirtyPages.mark(pages: run)
            next = run.upperBound
        }
    }
}

/// Which pages may hold anything but zeros: those the memfd has, and where a file lies over it, those the file or the guest filled.
package struct PagesInUse: Sendable {
    fileprivate let descriptor: Int32
    fileprivate let foreign: PageSet?
    fileprivate let used: PageSet
    /// The run of the memfd's pages that was found last, in full, and from where it was the first: looking for the end of a run costs the
    /// host as many steps as the run has pages.
    private var found: (from: Int, run: Range<Int>)?

    fileprivate init(descriptor: Int32, foreign: PageSet?, used: PageSet) {
        (self.descriptor, self.foreign, self.used) = (descriptor, foreign, used)
    }

    /// The first run of such pages at or behind `page` and before `end`. What came into use after an earlier call may be missing.
    package mutating func run(from page: Int, below end: Int) -> Range<Int>? {
        guard let foreign else { return ownRun(from: page, below: end) }
        var page = page
        while page < end {
            let next = foreign.run(from: page, below: end) ?? end..<end
            if page < next.lowerBound {
                if let found = ownRun(from: page, below: next.lowerBound) { return found }
            } else if let found = used.run(from: page, below: next.upperBound) {
                return found
            }
            page = page < next.lowerBound ? next.lowerBound : next.upperBound
        }
        return nil
    }

    private mutating func ownRun(from page: Int, below end: Int) -> Range<Int>? {
        guard page < end else { return nil }
        if found.map({ $0.from <= page && page < $0.run.upperBound }) != true {
            if end - page <= Self.fewPages { return ownRunOfFew(from: page, below: end) }
            found = (page, firstOwnRun(from: page))
        }
        guard let run = found?.run.clamped(to: page..<end), !run.isEmpty else { return nil }
        return run
    }

    /// In full; where nothing is in use any more, far behind the last page.
    private func firstOwnRun(from page: Int) -> Range<Int> {
        let size = off_t(GuestMemory.pageSize)
        guard let data = ownPage(from: page) else { return Int.max - 1..<Int.max }
        // SEEK_HOLE of lseek(2). Where it fails, all of it may be in use.
        let hole = lseek(descriptor, off_t(data) * size, 4)
        // The guest may have given the page back since the first question: it counts as used all the same, for a run without pages would
        // say that none follow.
        return data..<(hole < 0 ? .max : max(data + 1, Int((hole + size - 1) / size)))
    }

    /// Pages of which each is asked for, because the run that they lie in may be long.
    private static let fewPages = 32

    private func ownRunOfFew(from page: Int, below end: Int) -> Range<Int>? {
        guard let first = ownPage(from: page), first < end else { return nil }
        var last = first + 1
        while last < end, ownPage(from: last) == last { last += 1 }
        return first..<last
    }

    /// The first page in use at or behind `page`.
    private func ownPage(from page: Int) -> Int? {
        // SEEK_DATA of lseek(2). Where it fails for another reason than that nothing follows, the page may be in use.
        let data = lseek(descriptor, off_t(page) * off_t(GuestMemory.pageSize), 3)
        guard data < 0 else { return Int(data / off_t(GuestMemory.pageSize)) }
        return errno == ENXIO ? nil : page
    }
}

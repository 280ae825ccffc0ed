/// Ranges of pages that do not touch each other's pages, searched by halving: a guest that gives its memory back in many small pieces
/// costs no more per piece than one that gives little.
///
///     settled, sorted ────────────────────────────  takes up `recent` when that is full
///     recent, sorted  ──── at most 512
struct PageRangeSet {
    private static let mostRecent = 512
    private var settled: [PageRange] = []
    private var recent: [PageRange] = []
    /// Pages in all of them.
    private(set) var pageCount: UInt64 = 0
    var count: Int { settled.count + recent.count }

    init() {}

    /// Those of `ranges` that overlap none before them.
    init(_ ranges: [PageRange]) {
        for range in ranges { insert(range) }
    }

    /// false: it is empty, too long or overlaps one that is there, and is not taken.
    @discardableResult
    mutating func insert(_ range: PageRange) -> Bool {
        guard range.count > 0, range.count < 1 << 52, range.first < 1 << 52, !overlaps(range) else { return false }
        recent.insert(range, at: Self.position(of: range, in: recent))
        pageCount += range.count
        if recent.count >= Self.mostRecent { settle() }
        return true
    }

    func overlaps(_ range: PageRange) -> Bool { Self.overlaps(range, settled) || Self.overlaps(range, recent) }

    /// Where a range belongs: the number of those that begin before it.
    private static func position(of range: PageRange, in sorted: [PageRange]) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].first < range.first { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func overlaps(_ range: PageRange, _ sorted: [PageRange]) -> Bool {
        let place = position(of: range, in: sorted)
        if place < sorted.count, sorted[place].first < range.first + range.count { return true }
        return place > 0 && sorted[place - 1].first + sorted[place - 1].count > range.first
    }

    private mutating func settle() {
        var merged: [PageRange] = []
        merged.reserveCapacity(settled.count + recent.count)
        var new = recent[...]
        for range in settled {
            while let first = new.first, first.first < range.first { merged.append(new.removeFirst()) }
            merged.append(range)
        }
        settled = merged + new
        recent = []
    }
}

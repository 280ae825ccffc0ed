/// A set of page numbers from 0 on, a bit each, in runs of which it is read.
package struct PageSet: Equatable, Sendable {
    /// Numbers are below it.
    package private(set) var count: Int
    /// Bit `p & 63` of word `p >> 6` is page p; bits from `count` on are clear.
    package private(set) var words: [UInt64]

    /// None of `count` pages, or all.
    package init(count: Int, all: Bool = false) {
        self.count = count
        words = [UInt64](repeating: all ? ~0 : 0, count: (count + 63) / 64)
        if all { clearRest() }
    }

    /// From words as `words` gives them; nil: too few or too many, or a bit is set that stands for no page.
    package init?(count: Int, words: [UInt64]) {
        guard count >= 0, words.count == (count + 63) / 64 else { return nil }
        if count & 63 != 0, let last = words.last, last >> UInt64(count & 63) != 0 { return nil }
        (self.count, self.words) = (count, words)
    }

    /// How many pages are in it.
    package var size: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    package func contains(_ page: Int) -> Bool { page >= 0 && page < count && words[page >> 6] >> UInt64(page & 63) & 1 != 0 }

    /// Adds pages; those from `count` on are left out.
    package mutating func insert(_ pages: Range<Int>) { change(pages) { $0 | $1 } }
    package mutating func remove(_ pages: Range<Int>) { change(pages) { $0 & ~$1 } }

    package mutating func formUnion(_ other: PageSet) { combine(other) { $0 | $1 } }
    package mutating func subtract(_ other: PageSet) { combine(other) { $0 & ~$1 } }
    /// Keeps what is in both; what `other` has no bit for goes.
    package mutating func formIntersection(_ other: PageSet) {
        for index in words.indices { words[index] &= index < other.words.count ? other.words[index] : 0 }
    }

    /// Changes how many pages there are; new ones are not in it.
    package mutating func resize(to count: Int) {
        let length = (count + 63) / 64
        if length > words.count { words.append(contentsOf: repeatElement(0, count: length - words.count)) }
        words.removeLast(words.count - length)
        self.count = count
        clearRest()
    }

    /// The first run of pages in the set at or behind `page` and before `end`; nil: there is none.
    package func run(from page: Int, below end: Int = .max) -> Range<Int>? {
        let end = min(end, count)
        guard let first = next(from: max(page, 0), below: end, inverted: 0) else { return nil }
        return first..<(next(from: first, below: end, inverted: ~0) ?? end)
    }

    /// The first page from `page` on whose bit is set in the words as they are or inverted.
    private func next(from page: Int, below end: Int, inverted: UInt64) -> Int? {
        guard page < end else { return nil }
        var index = page >> 6
        var word = (words[index] ^ inverted) & (~0 as UInt64) << UInt64(page & 63)
        while word == 0 {
            index += 1
            guard index << 6 < end else { return nil }
            word = words[index] ^ inverted
        }
        let found = index << 6 + word.trailingZeroBitCount
        return found < end ? found : nil
    }

    private mutating func change(_ pages: Range<Int>, _ operation: (UInt64, UInt64) -> UInt64) {
        var page = max(pages.lowerBound, 0)
        let end = min(pages.upperBound, count)
        while page < end {
            let length = min(64 - page & 63, end - page)
            let mask = ((~0 as UInt64) >> UInt64(64 - length)) << UInt64(page & 63)
            words[page >> 6] = operation(words[page >> 6], mask)
            page += length
        }
    }

    private mutating func combine(_ other: PageSet, _ operation: (UInt64, UInt64) -> UInt64) {
        for index in 0..<min(words.count, other.words.count) { words[index] = operation(words[index], other.words[index]) }
        clearRest()
    }

    private mutating func clearRest() {
        if count & 63 != 0, let last = words.indices.last { words[last] &= ~((~0 as UInt64) << UInt64(count & 63)) }
    }
}

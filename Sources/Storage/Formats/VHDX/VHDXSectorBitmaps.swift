import Basics
import Glibc

/// The sector bitmaps of a differencing disk, page by page as they are needed (MS-VHDX 2.5.2). Bit n, from the lowest of the first byte
/// on, is set when sector n of the chunk lies in this file. A page of 4096 bytes covers 32768 sectors; pages are numbered through all chunks.
final class VHDXSectorBitmaps {
    static let sectorsPerPageShift: UInt64 = 15
    static let pagesPerChunk = 256
    /// More pages than these (32 MiB) are not kept when they are clean.
    private static let keptPages = 8192

    /// One page; the memory lives as long as the object and is reached through checked calls only.
    final class Page {
        fileprivate let words: UnsafeMutablePointer<UInt64>
        /// Differs from the file; the image lists it for its next commit.
        var isDirty = false

        fileprivate init() {
            words = .allocate(capacity: 512)
            words.initialize(repeating: 0, count: 512)
        }
        deinit { words.deallocate() }

        var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: words, count: 4096) }

        fileprivate func bit(_ position: Int) -> Bool { UInt64(littleEndian: words[position >> 6 & 511]) >> UInt64(position & 63) & 1 != 0 }

        /// Number of equal bits from `position` on, at most `limit`.
        fileprivate func run(_ position: Int, limit: Int) -> Int {
            let flip: UInt64 = bit(position) ? 0 : .max
            var current = position
            let end = min(position + limit, 32768)
            while current < end {
                // Bits equal to the first one are ones now.
                let word = (UInt64(littleEndian: words[current >> 6]) ^ flip) >> UInt64(current & 63)
                let possible = 64 - current & 63
                let equal = min((~word).trailingZeroBitCount, possible)
                current += equal
                if equal < possible { break }
            }
            return min(current, end) - position
        }

        /// Sets a run to `value`; true when something changed.
        fileprivate func fill(_ run: Range<Int>, _ value: Bool) -> Bool {
            var changed = false
            var position = run.lowerBound
            while position < run.upperBound {
                let word = position >> 6 & 511
                let count = min(64 - position & 63, run.upperBound - position)
                let mask = (count == 64 ? UInt64.max : (1 << UInt64(count) - 1)) << UInt64(position & 63)
                let old = UInt64(littleEndian: words[word])
                let new = value ? old | mask : old & ~mask
                if new != old { (words[word], changed) = (new.littleEndian, true) }
                position += count
            }
            return changed
        }
    }

    private var pages: [Int: Page] = [:]

    init() {}

    subscript(number: Int) -> Page? { pages[number] }

    /// The page, read from `place` (nil: a bitmap that does not exist yet, all zeros) when it is not here.
    func page(_ number: Int, at place: UInt64?, of file: any DiskFile) throws(DiskError) -> Page {
        if let page = pages[number] { return page }
        if pages.count >= Self.keptPages { pages = pages.filter { $0.value.isDirty } }
        let page = Page()
        if let place {
            try file.read(into: page.words, count: 4096, at: place)
        }
        pages[number] = page
        return page
    }

    /// Whether `sector` of the page is in the file, and how many of the next `limit` sectors of this page are alike.
    func run(in page: Page, from sector: Int, limit: Int) -> (isPresent: Bool, count: Int) {
        (page.bit(sector), page.run(sector, limit: limit))
    }

    func fill(_ page: Page, _ run: Range<Int>, _ value: Bool) -> Bool { page.fill(run, value) }
}

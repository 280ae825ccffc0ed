import Glibc
import Storage

/// A file in memory that refuses to grow beyond 64 MiB, for images that were made to ask for too much. Pages of 64 KiB exist where
/// something was written.
final class MemoryFile: DiskFile, @unchecked Sendable {
    // Safety: a case runs on one thread.
    private static let page = 1 << 16
    private static let limit: UInt64 = 64 << 20
    private var pages: [Int: [UInt8]] = [:]
    private var count: UInt64 = 0
    let name = "memory"
    let isReadOnly: Bool

    init(_ bytes: [UInt8] = [], isReadOnly: Bool = false) {
        self.isReadOnly = isReadOnly
        put(bytes[...], at: 0)
    }

    /// The same content in a file of its own.
    init(copying other: MemoryFile, isReadOnly: Bool = false) {
        (pages, count, self.isReadOnly) = (other.pages, other.count, isReadOnly)
    }

    /// Writes whatever the mode.
    func put(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        var (position, left) = (offset, bytes)
        while let first = left.first {
            let (number, start) = position.quotientAndRemainder(dividingBy: Self.page)
            let part = left.prefix(Self.page - start)
            if part.count > 1 || first != 0 || pages[number] != nil {
                pages[number, default: [UInt8](repeating: 0, count: Self.page)].replaceSubrange(start..<start + part.count, with: part)
            }
            position += part.count
            left = left.dropFirst(part.count)
        }
        count = max(count, UInt64(position))
    }

    func get(_ offset: Int, count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var position = offset
        while result.count < count {
            let (number, start) = position.quotientAndRemainder(dividingBy: Self.page)
            let length = min(count - result.count, Self.page - start)
            if let page = pages[number] { result += page[start..<start + length] } else { result += [UInt8](repeating: 0, count: length) }
            position += length
        }
        return result
    }

    func size() -> UInt64 { count }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) {
        var position = Int(clamping: offset)
        for segment in segments {
            guard let base = segment.iov_base, segment.iov_len > 0 else { continue }
            memset(base, 0, segment.iov_len)
            let end = min(Int(count), position &+ segment.iov_len)
            var at = position
            while at < end {
                let (number, start) = at.quotientAndRemainder(dividingBy: Self.page)
                let length = min(end - at, Self.page - start)
                if let page = pages[number] {
                    page.withUnsafeBytes { source in
                        if let from = source.baseAddress { memcpy(base + (at - position), from + start, length) }
                    }
                }
                at += length
            }
            position &+= segment.iov_len
        }
    }

    private func check(_ end: UInt64, _ overflow: Bool) throws(DiskError) {
        guard !isReadOnly else { throw DiskError(.readOnly, "the file is read-only") }
        guard !overflow, end <= Self.limit else { throw DiskError(.full, "the file has reached its limit") }
    }

    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let total = segments.reduce(UInt64(0)) { $0 + UInt64($1.iov_len) }
        let (end, overflow) = offset.addingReportingOverflow(total)
        try check(end, overflow)
        var position = Int(offset)
        for segment in segments where segment.iov_len > 0 {
            put([UInt8](UnsafeRawBufferPointer(start: segment.iov_base, count: segment.iov_len))[...], at: position)
            position += segment.iov_len
        }
    }

    func truncate(to size: UInt64) throws(DiskError) {
        try check(size, false)
        if size < count { clear(Int(size)..<Int(count)) }
        count = size
    }

    func allocate(at offset: UInt64, count: UInt64) throws(DiskError) {
        let (end, overflow) = offset.addingReportingOverflow(count)
        try check(end, overflow)
        self.count = max(self.count, end)
    }

    func punchHole(at offset: UInt64, count: UInt64) {
        let start = min(self.count, offset)
        clear(Int(start)..<Int(start + min(self.count - start, count)))
    }

    private func clear(_ range: Range<Int>) {
        for number in pages.keys where number * Self.page < range.upperBound && (number + 1) * Self.page > range.lowerBound {
            let low = max(range.lowerBound, number * Self.page)
            let high = min(range.upperBound, (number + 1) * Self.page)
            if high - low == Self.page { pages[number] = nil } else { put([UInt8](repeating: 0, count: high - low)[...], at: low) }
        }
    }

    func synchronise() {}
    func close() {}
}

import Glibc
import Storage

/// A disk as NBD clients see it: any byte range, while the disk below takes whole sectors. One thread uses it.
package final class DiskExport {
    let disk: any Disk
    /// The file's name; the empty name means the same export.
    let name: String
    private let sector: UInt64

    package init(_ disk: any Disk, name: String) {
        (self.disk, self.name) = (disk, name)
        sector = UInt64(disk.logicalSectorSize)
    }

    var size: UInt64 { disk.size }

    var transmissionFlags: UInt16 {
        typealias Flag = NBD.TransmissionFlag
        // One thread serves all connections, so what one was told is written and flushed is so for all.
        var flags = Flag.hasFlags | Flag.sendFlush | Flag.sendFUA | Flag.canMultiConn | Flag.sendDF
        if disk.isReadOnly { return flags | Flag.readOnly }
        flags |= Flag.sendWriteZeroes
        return disk.canDiscard ? flags | Flag.sendTrim : flags
    }

    func isNamed(_ wanted: String) -> Bool { wanted.isEmpty || wanted == name }

    /// Whether the range lies in the disk.
    func holds(_ offset: UInt64, _ count: UInt64) -> Bool { offset <= size && count <= size - offset }

    /// The whole sectors around a range. Precondition: the disk holds it.
    private func sectors(_ offset: UInt64, _ count: UInt64) -> Range<UInt64> {
        offset / sector * sector..<(offset + count + sector - 1) / sector * sector
    }

    /// Precondition: the disk holds the range.
    func read(_ offset: UInt64, _ count: Int) throws(DiskError) -> ArraySlice<UInt8> {
        let whole = sectors(offset, UInt64(count))
        let bytes = try readSectors(whole)
        let start = Int(offset - whole.lowerBound)
        return bytes[start..<start + count]
    }

    private func readSectors(_ range: Range<UInt64>) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(range.upperBound - range.lowerBound))
        var failure: DiskError?
        bytes.withUnsafeMutableBytes { buffer in
            withUnsafePointer(to: iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)) { segment in
                do throws(DiskError) {
                    try disk.read(into: UnsafeBufferPointer(start: segment, count: 1), at: range.lowerBound)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Parts of sectors at either end are read and written back whole. Precondition: the disk holds the range.
    func write(_ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        guard !bytes.isEmpty else { return }
        let whole = sectors(offset, UInt64(bytes.count))
        if whole.lowerBound == offset, whole.upperBound == offset + UInt64(bytes.count) { return try writeSectors(bytes, at: offset) }
        var content = [UInt8](repeating: 0, count: Int(whole.upperBound - whole.lowerBound))
        let start = Int(offset - whole.lowerBound)
        if start > 0 { content.replaceSubrange(0..<Int(sector), with: try readSectors(whole.lowerBound..<whole.lowerBound + sector)) }
        if whole.upperBound != offset + UInt64(bytes.count) {
            let last = whole.upperBound - sector
            content.replaceSubrange(Int(last - whole.lowerBound)..., with: try readSectors(last..<whole.upperBound))
        }
        content.replaceSubrange(start..<start + bytes.count, with: bytes)
        try writeSectors(content, at: whole.lowerBound)
    }

    private func writeSectors(_ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            // Safety: nobody writes through the segments of a write.
            let base = UnsafeMutableRawPointer(mutating: buffer.baseAddress)
            withUnsafePointer(to: iovec(iov_base: base, iov_len: buffer.count)) { segment in
                do throws(DiskError) {
                    try disk.write(from: UnsafeBufferPointer(start: segment, count: 1), at: offset)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    func flush() throws(DiskError) { try disk.flush() }

    /// Lets whole sectors inside the range go.
    func discard(_ range: Range<UInt64>) throws(DiskError) {
        let first = (range.lowerBound + sector - 1) / sector * sector
        let end = range.upperBound / sector * sector
        if first < end { try disk.discard(at: first, count: end - first) }
    }

    /// Makes the range read as zeros as far as one piece of work goes, and tells where that ended. Room that holds nothing and so reads as
    /// zeros is left alone, unless `allocating`.
    func zero(_ range: Range<UInt64>, allocating: Bool) throws(DiskError) -> UInt64 {
        var start = range.lowerBound
        if !allocating {
            let aligned = start / sector * sector
            guard let data = try disk.nextDataRange(from: aligned), data.lowerBound < range.upperBound else { return range.upperBound }
            start = max(start, data.lowerBound)
        }
        let end = min(range.upperBound, start + 1 << 20)
        try write([UInt8](repeating: 0, count: Int(end - start)), at: start)
        return end
    }

    /// What an extent is and how long; together they cover the range, or its beginning where there are more than `limit`.
    func extents(_ range: Range<UInt64>, limit: Int) throws(DiskError) -> [(count: UInt64, isEmpty: Bool)] {
        var found: [(count: UInt64, isEmpty: Bool)] = []
        var position = range.lowerBound
        func add(upTo end: UInt64, isEmpty: Bool) {
            let end = min(end, range.upperBound)
            guard end > position else { return }
            if let last = found.last, last.isEmpty == isEmpty {
                found[found.count - 1].count += end - position
            } else {
                found.append((end - position, isEmpty))
            }
            position = end
        }
        while position < range.upperBound {
            let data = try disk.nextDataRange(from: position / sector * sector)
            add(upTo: data?.lowerBound ?? range.upperBound, isEmpty: true)
            if found.count > limit { break }
            if let data { add(upTo: data.upperBound, isEmpty: false) }
            if found.count > limit { break }
        }
        return Array(found.prefix(limit))
    }
}

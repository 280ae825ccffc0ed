import Glibc
import Storage

/// A disk in memory whose troubles a test sets.
final class MemoryDisk: Disk, @unchecked Sendable {
    // Safety: tests use it from one thread.
    var bytes: [UInt8]
    let logicalSectorSize: Int
    let physicalSectorSize: Int
    var isReadOnly = false
    var identifier: [UInt8]?
    var canDiscard = true
    /// Discards leave everything outside whole blocks of this size alone, as formats do.
    var discardBlock: UInt64 = 1
    /// Thrown by what changes the disk, while set.
    var writeFailure: DiskError?
    var readFailure: DiskError?
    var flushFailure: DiskError?
    /// Reads and writes need not wait.
    var isPrompt = false
    /// Reads and writes that need not wait were asked for so often.
    private(set) var promptRequests = 0
    private(set) var flushes = 0
    private(set) var discarded: [Range<UInt64>] = []
    private(set) var isClosed = false
    /// Segments of each read and write, in order.
    private(set) var segmentCounts: [Int] = []

    init(sectors: Int, sectorSize: Int = 512, physical: Int? = nil) {
        bytes = [UInt8](repeating: 0, count: sectors * sectorSize)
        (logicalSectorSize, physicalSectorSize) = (sectorSize, physical ?? sectorSize)
    }

    var size: UInt64 { UInt64(bytes.count) }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        if let readFailure { throw readFailure }
        try check(offset, segments.byteCount)
        segmentCounts.append(segments.count)
        var position = Int(offset)
        for segment in segments {
            guard let base = segment.iov_base else { continue }
            bytes.withUnsafeBytes { base.copyMemory(from: $0.baseAddress! + position, byteCount: segment.iov_len) }
            position += segment.iov_len
        }
    }

    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        if isReadOnly { throw DiskError(.readOnly, "The disk is read-only.") }
        if let writeFailure { throw writeFailure }
        try check(offset, segments.byteCount)
        segmentCounts.append(segments.count)
        var position = Int(offset)
        for segment in segments {
            guard let base = segment.iov_base else { continue }
            bytes.withUnsafeMutableBytes { ($0.baseAddress! + position).copyMemory(from: base, byteCount: segment.iov_len) }
            position += segment.iov_len
        }
    }

    func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        promptRequests += 1
        if isPrompt { try read(into: segments, at: offset) }
        return isPrompt
    }

    func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        promptRequests += 1
        if isPrompt { try write(from: segments, at: offset) }
        return isPrompt
    }

    func flush() throws(DiskError) {
        if let flushFailure { throw flushFailure }
        flushes += 1
    }

    func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        if let writeFailure { throw writeFailure }
        try check(offset, count)
        discarded.append(offset..<offset + count)
        let first = (offset + discardBlock - 1) / discardBlock * discardBlock
        let end = (offset + count) / discardBlock * discardBlock
        if first < end { for position in Int(first)..<Int(end) { bytes[position] = 0 } }
    }

    func close() throws(DiskError) { isClosed = true }

    private func check(_ offset: UInt64, _ count: UInt64) throws(DiskError) {
        let sector = UInt64(logicalSectorSize)
        guard !isClosed else { throw DiskError(.closed, "The disk is closed.") }
        guard offset % sector == 0, count % sector == 0, offset <= size, count <= size - offset else {
            throw DiskError(.outOfRange, "\(count) bytes at \(offset).")
        }
    }
}

import Glibc
import Storage

/// A small disk in memory whose troubles a case chooses.
final class MemoryDisk: Disk, @unchecked Sendable {
    // Safety: a case runs on one thread.
    private var bytes: [UInt8]
    let logicalSectorSize: Int
    let physicalSectorSize: Int
    var isReadOnly = false
    let identifier: [UInt8]? = nil
    let canDiscard = true
    /// Thrown by what changes the disk, while set.
    var failure: DiskError?
    var readFailure: DiskError?

    init(sectors: Int, sectorSize: Int = 512) {
        bytes = [UInt8](repeating: 0, count: sectors * sectorSize)
        (logicalSectorSize, physicalSectorSize) = (sectorSize, max(sectorSize, 4096))
    }

    var size: UInt64 { UInt64(bytes.count) }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        if let readFailure { throw readFailure }
        var position = try check(offset, segments.reduce(UInt64(0)) { $0 + UInt64($1.iov_len) })
        for segment in segments where segment.iov_len > 0 {
            bytes.withUnsafeBytes { source in
                if let from = source.baseAddress { memcpy(segment.iov_base, from + position, segment.iov_len) }
            }
            position += segment.iov_len
        }
    }

    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        if isReadOnly { throw DiskError(.readOnly, "the disk is read-only") }
        if let failure { throw failure }
        var position = try check(offset, segments.reduce(UInt64(0)) { $0 + UInt64($1.iov_len) })
        for segment in segments where segment.iov_len > 0 {
            bytes.withUnsafeMutableBytes { target in
                if let to = target.baseAddress { memcpy(to + position, segment.iov_base, segment.iov_len) }
            }
            position += segment.iov_len
        }
    }

    func flush() throws(DiskError) { if let failure { throw failure } }

    func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        if let failure { throw failure }
        _ = try check(offset, count)
    }

    func close() throws(DiskError) {}

    private func check(_ offset: UInt64, _ count: UInt64) throws(DiskError) -> Int {
        let sector = UInt64(logicalSectorSize)
        guard offset % sector == 0, count % sector == 0, offset <= size, count <= size - offset else {
            throw DiskError(.outOfRange, "\(count) bytes at \(offset)")
        }
        return Int(offset)
    }
}

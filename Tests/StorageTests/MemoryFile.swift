import Glibc
import Storage

/// A file in memory that refuses to grow beyond 32 MiB, for images that were made to ask for too much.
final class MemoryFile: DiskFile, @unchecked Sendable {
    // Safety: used by one test on one thread.
    private(set) var bytes: [UInt8]
    var limit = 32 << 20
    let name = "memory"
    let isReadOnly = false

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    func size() -> UInt64 { UInt64(bytes.count) }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) {
        var position = Int(clamping: offset)
        for segment in segments {
            let count = max(0, min(segment.iov_len, bytes.count - position))
            if count > 0 { bytes.withUnsafeBytes { segment.iov_base.copyMemory(from: $0.baseAddress! + position, byteCount: count) } }
            if count < segment.iov_len { memset(segment.iov_base + count, 0, segment.iov_len - count) }
            position += segment.iov_len
        }
    }

    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        var position = Int(clamping: offset)
        for segment in segments {
            try grow(to: position, segment.iov_len)
            bytes.withUnsafeMutableBytes {
                if segment.iov_len > 0 { ($0.baseAddress! + position).copyMemory(from: segment.iov_base, byteCount: segment.iov_len) }
            }
            position += segment.iov_len
        }
    }

    private func grow(to position: Int, _ count: Int) throws(DiskError) {
        guard position < limit, count <= limit - position else { throw DiskError(.full, "the file has reached its limit") }
        if bytes.count < position + count { bytes += [UInt8](repeating: 0, count: position + count - bytes.count) }
    }

    func truncate(to size: UInt64) throws(DiskError) {
        guard size <= limit else { throw DiskError(.full, "the file has reached its limit") }
        if Int(size) < bytes.count { bytes.removeLast(bytes.count - Int(size)) } else { try grow(to: Int(size), 0) }
    }

    func allocate(at offset: UInt64, count: UInt64) throws(DiskError) { try grow(to: Int(clamping: offset), Int(clamping: count)) }

    func punchHole(at offset: UInt64, count: UInt64) {
        let start = min(bytes.count, Int(clamping: offset))
        let end = min(bytes.count, start + Int(clamping: count))
        bytes.replaceSubrange(start..<end, with: [UInt8](repeating: 0, count: end - start))
    }

    func synchronise() {}
    func close() {}
}

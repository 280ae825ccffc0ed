import Glibc

/// Requests of one segment. The memory must be valid during the call, which is all that the file needs.
extension DiskFile {
    func read(into memory: UnsafeMutableRawPointer?, count: Int, at offset: UInt64) throws(DiskError) {
        try withUnsafePointer(to: iovec(iov_base: memory, iov_len: count)) { segment throws(DiskError) in
            try read(into: UnsafeBufferPointer(start: segment, count: 1), at: offset)
        }
    }

    func write(from memory: UnsafeRawPointer?, count: Int, at offset: UInt64) throws(DiskError) {
        try withUnsafePointer(to: iovec(iov_base: UnsafeMutableRawPointer(mutating: memory), iov_len: count)) { segment throws(DiskError) in
            try write(from: UnsafeBufferPointer(start: segment, count: 1), at: offset)
        }
    }
}

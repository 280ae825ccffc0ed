import Glibc

/// Requests of one array.
extension Disk {
    /// Reads whole sectors.
    func bytes(at offset: UInt64, count: Int) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: DiskError?
        bytes.withUnsafeMutableBytes { buffer in
            withUnsafePointer(to: iovec(iov_base: buffer.baseAddress, iov_len: count)) { segment in
                do throws(DiskError) { try read(into: UnsafeBufferPointer(start: segment, count: 1), at: offset) } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes whole sectors.
    func write(bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        var failure: DiskError?
        bytes.withUnsafeBytes { buffer in
            // Safety: nobody writes through the segments of a write.
            withUnsafePointer(to: iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)) {
                segment in
                do throws(DiskError) { try write(from: UnsafeBufferPointer(start: segment, count: 1), at: offset) } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }
}

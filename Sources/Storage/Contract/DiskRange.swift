import Glibc

extension UnsafeBufferPointer<iovec> {
    /// Bytes of all segments together.
    public var byteCount: UInt64 {
        var count: UInt64 = 0
        for segment in self { count &+= UInt64(segment.iov_len) }
        return count
    }
}

extension Disk {
    /// Refuses ranges that leave the disk or are not made of whole sectors. `file` is for the message.
    func checkRange(_ offset: UInt64, _ count: UInt64, file: String) throws(DiskError) {
        let sector = UInt64(logicalSectorSize)
        guard offset % sector == 0, count % sector == 0, offset <= size, count <= size - offset else {
            throw DiskError(
                .outOfRange, "\(count) bytes at \(offset) are not whole sectors of \(sector) bytes inside a disk of \(size) bytes.",
                file: file)
        }
    }
}

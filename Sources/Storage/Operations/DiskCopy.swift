import CHost
import Glibc

/// Copies the content of disks piece by piece, leaving out what is zero.
struct DiskCopy {
    /// Bytes of one piece.
    private static let pieceSize = 1 << 20

    /// From 0 to 1; false stops the work.
    let progress: (Double) -> Bool

    /// Copies all that may differ from zero in `source` to the empty `target`.
    func copyContent(of source: any Disk, to target: any Disk, file: String) throws {
        try copy(source, to: target, file, own: nil)
    }

    /// Copies what `child` itself holds over the content of `target`, zeros too.
    func copyOwnContent(of child: any MappedDisk, to target: any Disk, file: String) throws {
        try copy(child, to: target, file, own: child)
    }

    private func copy(_ source: any Disk, to target: any Disk, _ file: String, own: (any MappedDisk)?) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 4096)
        defer { buffer.deallocate() }
        let end = min(source.size, target.size)
        var position: UInt64 = 0
        while position < end {
            let next = own != nil ? try own?.nextOwnRange(from: position) : try source.nextDataRange(from: position)
            guard let range = next, range.lowerBound < end else { return }
            position = range.lowerBound
            let rangeEnd = min(range.upperBound, end)
            while position < rangeEnd {
                guard progress(Double(position) / Double(max(1, end))) else { throw DiskOperationError.stopped(file) }
                // Pieces end where blocks do, so that a zero piece leaves a hole in the target.
                let count = Int(min(rangeEnd - position, UInt64(Self.pieceSize) - position % UInt64(Self.pieceSize)))
                let segment = iovec(iov_base: buffer.baseAddress, iov_len: count)
                try withUnsafePointer(to: segment) { segment in
                    let segments = UnsafeBufferPointer(start: segment, count: 1)
                    try source.read(into: segments, at: position)
                    if own == nil, lv_disk_is_zero(buffer.baseAddress, UInt64(count)) != 0 { return }
                    try target.write(from: segments, at: position)
                }
                position += UInt64(count)
            }
        }
    }

    /// The first byte at or behind `offset` that is not zero; nil: there is none.
    func firstContent(of disk: any Disk, from offset: UInt64, file: String) throws -> UInt64? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 4096)
        defer { buffer.deallocate() }
        var position = offset
        while let range = try disk.nextDataRange(from: position) {
            position = range.lowerBound
            while position < range.upperBound {
                guard progress(0) else { throw DiskOperationError.stopped(file) }
                let count = Int(min(range.upperBound - position, UInt64(Self.pieceSize)))
                let segment = iovec(iov_base: buffer.baseAddress, iov_len: count)
                try withUnsafePointer(to: segment) { try disk.read(into: UnsafeBufferPointer(start: $0, count: 1), at: position) }
                if lv_disk_is_zero(buffer.baseAddress, UInt64(count)) == 0 { return position }
                position += UInt64(count)
            }
        }
        return nil
    }
}

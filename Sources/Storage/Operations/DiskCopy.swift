import CHost
import Glibc

/// Copies the content of disks piece by piece, leaving out what is zero.
struct DiskCopy {
    /// Bytes of one piece.
    private static let pieceSize = 1 << 20

    /// From 0 to 1; false stops the work.
    let progress: (Double) -> Bool

    /// What of a disk is copied.
    private enum Part {
        /// All that may differ from zero, to an empty disk.
        case content
        /// All, zeros too.
        case everything
        /// What the image itself decides, zeros too.
        case own
    }

    /// Copies all that may differ from zero in `source` to the empty `target`.
    func copyContent(of source: any Disk, to target: any Disk, file: String) throws {
        try copy(source, .content, 0..<min(source.size, target.size), to: target, file)
    }

    /// Copies what `child` itself holds over the content of `target`, zeros too.
    func copyOwnContent(of child: any MappedDisk, to target: any Disk, file: String) throws {
        try copy(child, .own, 0..<min(child.size, target.size), to: target, file)
    }

    /// Copies the marked parts over what `target` has there; of a differencing image what it holds itself.
    func copy(_ changes: DirtyMap, of source: any Disk, to target: any Disk, file: String) throws {
        let isDifferencing = (source as? any DiskImage)?.kind == .differencing
        var position: UInt64 = 0
        while let range = changes.nextRange(from: position) {
            position = range.upperBound
            let end = min(range.upperBound, source.size, target.size)
            if range.lowerBound < end { try copy(source, isDifferencing ? .own : .everything, range.lowerBound..<end, to: target, file) }
        }
    }

    private func copy(_ source: any Disk, _ part: Part, _ whole: Range<UInt64>, to target: any Disk, _ file: String) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 4096)
        defer { buffer.deallocate() }
        let mapped = part == .own ? source as? any MappedDisk : nil
        var position = whole.lowerBound
        while position < whole.upperBound {
            let next: Range<UInt64>? =
                switch part {
                case .content: try source.nextDataRange(from: position)
                case .everything: whole
                case .own: try mapped?.nextOwnRange(from: position)
                }
            guard let range = next, range.lowerBound < whole.upperBound else { return }
            position = max(position, range.lowerBound)
            let end = min(range.upperBound, whole.upperBound)
            while position < end {
                guard progress(Double(position) / Double(max(1, target.size))) else { throw DiskOperationError.stopped(file) }
                if part == .own, let zeros = try (source as? any DiskImage)?.impliedZeros(at: position), zeros > 0 {
                    let count = min(zeros, end - position)
                    try Self.clear(target, at: position, count: count, buffer)
                    position += count
                    continue
                }
                // Pieces end where blocks do, so that a zero piece leaves a hole in the target.
                let count = Int(min(end - position, UInt64(Self.pieceSize) - position % UInt64(Self.pieceSize)))
                try withUnsafePointer(to: iovec(iov_base: buffer.baseAddress, iov_len: count)) { segment in
                    let segments = UnsafeBufferPointer(start: segment, count: 1)
                    try source.read(into: segments, at: position)
                    guard lv_disk_is_zero(buffer.baseAddress, UInt64(count)) != 0 else {
                        return try target.write(from: segments, at: position)
                    }
                    if part != .content { try Self.clear(target, at: position, count: UInt64(count), buffer) }
                }
                position += UInt64(count)
            }
        }
    }

    /// Makes a range of `target` read as zeros without giving room to it where it does so already.
    private static func clear(
        _ target: any Disk, at offset: UInt64, count: UInt64, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(DiskError) {
        if let image = target as? VHDXImage { return try image.clear(at: offset, count: count) }
        // What shows through from a parent may be anything.
        let hidesParent = (target as? any DiskImage)?.kind == .differencing
        var done: UInt64 = 0
        while done < count {
            let part = Int(min(count - done, UInt64(buffer.count)))
            try withUnsafePointer(to: iovec(iov_base: buffer.baseAddress, iov_len: part)) { segment throws(DiskError) in
                let segments = UnsafeBufferPointer(start: segment, count: 1)
                if !hidesParent { try target.read(into: segments, at: offset + done) }
                guard hidesParent || lv_disk_is_zero(buffer.baseAddress, UInt64(part)) == 0 else { return }
                segments.fillWithZeros()
                try target.write(from: segments, at: offset + done)
            }
            done += UInt64(part)
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

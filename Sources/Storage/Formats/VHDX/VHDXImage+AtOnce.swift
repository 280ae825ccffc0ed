import Basics
import Glibc

/// Requests that need nothing but a transfer: one stretch that lies in the file, in the parent, or nowhere. A table or bitmap that would
/// change or be looked up, and a request that goes to several places are left to `read` and `write`.
extension VHDXImage {
    public func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        let count = try checkedCount(segments, at: offset)
        guard count > 0, table.state(geometry.index(Int(offset >> geometry.blockShift))) != .partial else { return false }
        let (place, length) = try run(at: offset, limit: count)
        guard length == count else { return false }
        switch place {
        case .file(let start): return try file.readAtOnce(into: segments, at: start)
        case .zero:
            SegmentSlicer.fillWithZeros(segments)
            return true
        case .parent:
            guard let parent, offset + count <= parent.size else { return false }
            return try parent.readAtOnce(into: segments, at: offset)
        }
    }

    public func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        let count = try checkedCount(segments, at: offset)
        try checkWritable()
        guard count > 0, hasBegun, dirtyPages.count < VHDXLogWriter.pagesPerEntry - 20,
            table.state(geometry.index(Int(offset >> geometry.blockShift))) == .present
        else { return false }
        let (place, length) = try run(at: offset, limit: count)
        guard length == count, case .file(let start) = place else { return false }
        isUnsynchronised = true
        return try file.writeAtOnce(from: segments, at: start)
    }
}

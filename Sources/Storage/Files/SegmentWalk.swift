import Glibc

/// Hands out a request's segments in pieces, where a format stores its parts in different places.
struct SegmentWalk {
    private let segments: UnsafeBufferPointer<iovec>
    private var index = 0
    /// Bytes of the current segment that are handed out.
    private var used = 0
    private var piece: [iovec] = []

    init(_ segments: UnsafeBufferPointer<iovec>) { self.segments = segments }

    /// Calls `body` with the next `count` bytes. Precondition: so many are left.
    mutating func next(
        _ count: UInt64, _ body: (UnsafeBufferPointer<iovec>) throws(DiskError) -> Void
    ) throws(DiskError) {
        piece.removeAll(keepingCapacity: true)
        var left = Int(count)
        while left > 0, index < segments.count {
            let segment = segments[index]
            let step = min(left, segment.iov_len - used)
            if step > 0, let base = segment.iov_base { piece.append(iovec(iov_base: base + used, iov_len: step)) }
            left -= step
            used += step
            if used >= segment.iov_len {
                index += 1
                used = 0
            }
        }
        // Safety: the array is not changed while the pointer is used.
        var failure: DiskError?
        piece.withUnsafeBufferPointer { pointer in
            do throws(DiskError) { try body(pointer) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension UnsafeBufferPointer<iovec> {
    /// Fills all segments with zeros.
    func fillWithZeros() {
        for segment in self { if let base = segment.iov_base { memset(base, 0, segment.iov_len) } }
    }
}

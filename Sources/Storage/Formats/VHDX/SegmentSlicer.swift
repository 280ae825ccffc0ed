import Glibc

/// Cuts a request's segments into the parts that go to different places, without copying data and, once its scratch has grown, without
/// allocating. The pointer is private; what `take` returns is valid until the next call.
final class SegmentSlicer {
    private var scratch: UnsafeMutablePointer<iovec>
    private var capacity: Int

    /// How far a request has been cut.
    struct Position {
        fileprivate var segment = 0
        fileprivate var inside = 0
        init() {}
    }

    init() {
        capacity = 64
        scratch = .allocate(capacity: capacity)
    }

    deinit { scratch.deallocate() }

    /// Bytes in all segments; nil on overflow.
    static func count(_ segments: UnsafeBufferPointer<iovec>) -> UInt64? {
        var total: UInt64 = 0
        for segment in segments {
            let (sum, overflow) = total.addingReportingOverflow(UInt64(segment.iov_len))
            guard !overflow else { return nil }
            total = sum
        }
        return total
    }

    /// The next `count` bytes of `segments`. They must not go beyond the end.
    func take(_ count: UInt64, of segments: UnsafeBufferPointer<iovec>, _ position: inout Position) -> UnsafeBufferPointer<iovec> {
        if capacity < segments.count {
            scratch.deallocate()
            capacity = segments.count
            scratch = .allocate(capacity: capacity)
        }
        var rest = Int(count)
        var found = 0
        while rest > 0, position.segment < segments.count {
            let segment = segments[position.segment]
            let part = min(rest, segment.iov_len - position.inside)
            if part > 0 {
                scratch[found] = iovec(iov_base: segment.iov_base + position.inside, iov_len: part)
                found += 1
                rest -= part
                position.inside += part
            }
            if position.inside == segment.iov_len { (position.segment, position.inside) = (position.segment + 1, 0) }
        }
        return UnsafeBufferPointer(start: scratch, count: found)
    }

    static func fillWithZeros(_ segments: UnsafeBufferPointer<iovec>) {
        for segment in segments where segment.iov_len > 0 { memset(segment.iov_base, 0, segment.iov_len) }
    }
}

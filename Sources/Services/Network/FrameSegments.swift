import Glibc

/// A run of bytes that lies in several places: the guest's buffers as `GuestMemory.withSegments` lends them.
struct FrameSegments {
    // Safety: used only inside the closure that lends the segments; every access is bounded by the segments' lengths.
    private let segments: UnsafeBufferPointer<iovec>
    /// Bytes in all.
    let count: Int

    init(_ segments: UnsafeBufferPointer<iovec>) {
        self.segments = segments
        var total = 0
        for segment in segments { total += segment.iov_len }
        count = total
    }

    var places: Int { segments.count }

    /// Copies up to `count` bytes from `position` on; gives how many there were.
    func copy(_ position: Int, into target: UnsafeMutableRawBufferPointer, count: Int) -> Int {
        guard let place = target.baseAddress else { return 0 }
        var done = 0
        each(position, min(count, target.count)) { pointer, length in
            memcpy(place + done, pointer, length)
            done += length
        }
        return done
    }

    /// Appends the places of `count` bytes from `position` on, as many as there are.
    func append(_ position: Int, count: Int, to target: inout [iovec]) {
        each(position, count) { pointer, length in target.append(iovec(iov_base: pointer, iov_len: length)) }
    }

    private func each(_ position: Int, _ count: Int, _ body: (UnsafeMutableRawPointer, Int) -> Void) {
        var (skip, left) = (position, count)
        for segment in segments {
            guard left > 0 else { return }
            if skip >= segment.iov_len {
                skip -= segment.iov_len
                continue
            }
            let length = min(segment.iov_len - skip, left)
            if let base = segment.iov_base { body(base + skip, length) }
            (skip, left) = (0, left - length)
        }
    }
}

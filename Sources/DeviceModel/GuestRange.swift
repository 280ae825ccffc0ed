#if canImport(Glibc)
    import Glibc
#endif

/// A range of guest-physical memory that a guest named for input or output.
package struct GuestRange: Equatable, Sendable, Codable {
    package var address: UInt64
    /// Bytes.
    package var count: Int
    package init(address: UInt64, count: Int) { (self.address, self.count) = (address, count) }
}

extension GuestMemory {
    /// Runs `body` on host segments for input (`writable`: host code fills guest RAM, so decoded code is revoked first) or output of
    /// several ranges; the pointers live only inside. nil, and nothing done, when any range is not wholly RAM.
    ///
    /// `scratch` is the caller's and keeps its room from call to call, so that a request allocates nothing.
    @inlinable
    package func withSegments<Result, Failure: Error>(
        _ ranges: [GuestRange], writable: Bool, scratch: inout [iovec],
        _ body: (UnsafeBufferPointer<iovec>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        scratch.removeAll(keepingCapacity: true)
        for range in ranges {
            guard let pointer = hostPointer(range.address, count: range.count) else { return nil }
            if writable { revoke(range) }
            scratch.append(iovec(iov_base: pointer, iov_len: range.count))
        }
        var failure: Failure?
        let result: Result? = scratch.withUnsafeBufferPointer { segments in
            do throws(Failure) { return try body(segments) } catch {
                failure = error
                return nil
            }
        }
        // Also what came before a failure.
        if writable { for segment in scratch { if let base = segment.iov_base { dirtyPages.mark(base, count: segment.iov_len) } } }
        if let failure { throw failure }
        return result
    }

    /// Copies bytes out of the ranges one after another into `target`, as many as both have; nil when a range is not RAM.
    @inlinable
    package func read(_ ranges: [GuestRange], into target: UnsafeMutableRawBufferPointer) -> Int? {
        var position = 0
        for range in ranges {
            let count = min(range.count, target.count - position)
            guard let pointer = hostPointer(range.address, count: range.count) else { return nil }
            if count > 0, let base = target.baseAddress { memcpy(base + position, pointer, count) }
            position += count
        }
        return position
    }

    /// Copies `source` into the ranges one after another, as many bytes as both have; nil when a range is not RAM.
    @inlinable
    package func write(_ source: UnsafeRawBufferPointer, into ranges: [GuestRange]) -> Int? {
        var position = 0
        for range in ranges {
            let count = min(range.count, source.count - position)
            guard let pointer = hostPointer(range.address, count: range.count) else { return nil }
            if count > 0, let base = source.baseAddress {
                revoke(GuestRange(address: range.address, count: count))
                memcpy(pointer, base + position, count)
                dirtyPages.mark(pointer, count: count)
            }
            position += count
        }
        return position
    }
}

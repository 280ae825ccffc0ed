/// A limit of bits per second, kept on average with bursts of a hundredth of a second (at least two of the largest frames).
package struct TokenBucket: Sendable {
    package let rate: UInt64
    private let burst: Int64
    private var tokens: Int64
    private var last: UInt64

    /// `now` in nanoseconds of a clock that only grows.
    package init(bitsPerSecond: UInt64, now: UInt64) {
        // 10 Tbit/s is no limit at all; products below stay within 64 bits.
        rate = min(max(bitsPerSecond, 8), 10_000_000_000_000)
        burst = Int64(clamping: max(rate / 100, UInt64(FrameRing.largestFrame) * 16))
        (tokens, last) = (burst, now)
    }

    /// 0: a frame may go now; else the nanoseconds until one may.
    package mutating func wait(_ now: UInt64) -> UInt64 {
        let elapsed = min(now &- last, 10_000_000_000)
        let (whole, _) = rate.multipliedReportingOverflow(by: elapsed)
        let gained = rate > 1 << 30 ? Int64(clamping: rate / 1_000_000 * elapsed / 1000) : Int64(clamping: whole / 1_000_000_000)
        if gained > 0 {
            tokens = min(burst, tokens &+ gained)
            last = now
        }
        guard tokens <= 0 else { return 0 }
        return min(UInt64(1 - tokens) * 1_000_000_000 / rate, 1_000_000_000)
    }

    /// A frame of so many bytes went.
    package mutating func spend(_ bytes: Int) { tokens -= Int64(bytes) * 8 }
}

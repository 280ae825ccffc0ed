#if canImport(Glibc)
    import Glibc
#endif

/// The host's clocks in nanoseconds.
package enum HostTime {
    /// Since the Unix epoch.
    package static func wall() -> Int64 { Int64(bitPattern: read(CLOCK_REALTIME)) }

    /// Only ever grows; for deadlines.
    package static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// The same in seconds, for durations that people read.
    package static func seconds() -> Double { Double(monotonic()) / 1e9 }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(bitPattern: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }
}

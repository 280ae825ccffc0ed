import Glibc

/// The host's clocks, for a switch.
enum SwitchClock {
    /// Nanoseconds; only ever grows.
    static func nanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }
    /// Nanoseconds since the Unix epoch.
    static func wall() -> Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

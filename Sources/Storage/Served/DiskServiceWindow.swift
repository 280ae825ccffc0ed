/// The memory through which data goes.
///
/// ```
/// 0        64 units of 64 KiB: requests that are under way beside each other
/// 4 MiB    1 MiB: a request that its caller waits for, and what a new service is told again
/// 5 MiB    u64: system calls that the service has made
/// ```
enum DiskServiceWindow {
    static let unit = 64 << 10
    static let units = 64
    /// Requests under way at a time.
    static let mostRequests = 64
    /// Bytes of one request: as much as one request of a guest moves at most.
    static let largest = 1 << 20
    static let spare = unit * units
    static let calls = spare + largest
    static let size = calls + 4096
}

/// Which units of the window are taken.
struct WindowRoom {
    private var taken: UInt64 = 0

    /// Where `count` bytes may go; nil: nowhere now.
    mutating func take(_ count: Int) -> Int? {
        let units = Self.units(count)
        guard units <= DiskServiceWindow.units else { return nil }
        var first = 0
        while first + units <= DiskServiceWindow.units {
            let inTheWay = taken & Self.run(first, units)
            if inTheWay == 0 {
                taken |= Self.run(first, units)
                return first * DiskServiceWindow.unit
            }
            first = 64 - inTheWay.leadingZeroBitCount
        }
        return nil
    }

    mutating func give(_ place: Int, _ count: Int) { taken &= ~Self.run(place / DiskServiceWindow.unit, Self.units(count)) }

    private static func units(_ count: Int) -> Int { max(1, (count + DiskServiceWindow.unit - 1) / DiskServiceWindow.unit) }
    private static func run(_ first: Int, _ units: Int) -> UInt64 { (units == 64 ? UInt64.max : (1 << UInt64(units)) - 1) << UInt64(first) }
}

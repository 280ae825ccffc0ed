import Basics
import DeviceModel

/// Wall-clock time of a Real machine: the host's.
final class HostWallClock: WallClock {
    var unixNanoseconds: Int64 { HostTime.wall() }
}

/// Wall-clock time of an Exact machine: the VM's recorded start plus partition time, so that every run sees the same dates.
final class DerivedWallClock: WallClock {
    private let start: Int64
    private let clock: any PartitionClock

    init(start: Int64, clock: any PartitionClock) { (self.start, self.clock) = (start, clock) }

    var unixNanoseconds: Int64 { start &+ Int64(clamping: clock.nanoseconds) }
}

import Basics
import DeviceModel
import Synchronization

/// Partition time of a Real machine: the host's monotonic clock less the time the machine stood still.
final class RealClock: PartitionClock {
    /// While it runs: what to add to the host's clock. While it stands: the frozen time.
    private let value = Atomic<Int64>(0)
    private let isRunning = Atomic<Bool>(false)

    var nanoseconds: UInt64 {
        // A reader between the two stores of run() or stop() could mix both meanings; machines change them while no VP runs.
        let value = value.load(ordering: .acquiring)
        guard isRunning.load(ordering: .acquiring) else { return UInt64(bitPattern: value) }
        return UInt64(bitPattern: value &+ Int64(bitPattern: HostTime.monotonic()))
    }

    /// Host time at which the partition's clock will show `deadline`.
    func hostTime(of deadline: UInt64) -> UInt64 {
        let host = Int64(bitPattern: deadline).subtractingReportingOverflow(value.load(ordering: .acquiring))
        return host.overflow || host.partialValue < 0 ? HostTime.monotonic() : UInt64(host.partialValue)
    }

    func run() {
        guard !isRunning.load(ordering: .acquiring) else { return }
        let frozen = value.load(ordering: .acquiring)
        value.store(frozen &- Int64(bitPattern: HostTime.monotonic()), ordering: .releasing)
        isRunning.store(true, ordering: .releasing)
    }

    func stop() {
        guard isRunning.load(ordering: .acquiring) else { return }
        let now = nanoseconds
        isRunning.store(false, ordering: .releasing)
        value.store(Int64(bitPattern: now), ordering: .releasing)
    }

    /// Sets the frozen time. Precondition: stopped.
    func set(_ nanoseconds: UInt64) { value.store(Int64(bitPattern: nanoseconds), ordering: .releasing) }
}

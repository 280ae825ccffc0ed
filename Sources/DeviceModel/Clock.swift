/// Partition time: nanoseconds since the partition was created, stopped while it is paused or saved. Monotonic across all VPs.
///
/// The TSC (at 1 GHz), the reference counter (100 ns) and every timer follow it. In Real mode it follows the host's monotonic clock; in
/// Exact mode it is instructions retired by all VPs × the VM's ratio + idle time jumped over (machine.md, "Time").
package protocol PartitionClock: AnyObject, Sendable {
    var nanoseconds: UInt64 { get }
}

/// A timer that a unit owns: one deadline, moved or cleared at will.
package protocol PartitionTimer: AnyObject {
    /// Arms for partition time `deadline` in nanoseconds (a past one fires at once) or disarms with nil. Callable from any thread.
    func arm(at deadline: UInt64?)
    var deadline: UInt64? { get }
}

/// Makes timers. In Real mode they fire on the machine's timer thread, in Exact mode on the VP thread at exact counts; always under
/// no lock of the service. Firing order for equal deadlines is the order of creation.
package protocol TimerService: AnyObject {
    var clock: any PartitionClock { get }
    /// `name` orders nothing; it is for people.
    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer
}

/// Wall-clock time for the CMOS clock and time synchronisation: nanoseconds since the Unix epoch. In Exact mode it is derived from
/// partition time and the VM's recorded start.
package protocol WallClock: AnyObject {
    var unixNanoseconds: Int64 { get }
}

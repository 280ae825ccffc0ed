import DeviceModel

/// Timers of an Exact machine, fired on the VP thread between two instructions at the first count that reaches the deadline.
final class ExactTimers: TimerService {
    let clock: any PartitionClock
    // Safety: touched by the VP thread while VPs run, by whoever stopped them otherwise.
    private var timers: [Timer] = []
    /// Called when a deadline moved before the one that the running slice was cut for.
    var deadlineCameNearer: (() -> Void)?
    /// Deadline the running slice was cut for; 0 between slices.
    var sliceDeadline: UInt64 = 0

    private final class Timer: PartitionTimer {
        unowned let service: ExactTimers
        let action: () -> Void
        private(set) var deadline: UInt64?

        init(service: ExactTimers, action: @escaping () -> Void) { (self.service, self.action) = (service, action) }

        func arm(at deadline: UInt64?) {
            self.deadline = deadline
            if let deadline, deadline < service.sliceDeadline { service.deadlineCameNearer?() }
        }

        func clear() { deadline = nil }
    }

    init(clock: any PartitionClock) { self.clock = clock }

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let timer = Timer(service: self, action: action)
        timers.append(timer)
        return timer
    }

    /// The earliest deadline.
    var next: UInt64? { timers.lazy.compactMap(\.deadline).min() }

    /// Fires everything due, in order of deadline, then of creation.
    func fireDue() {
        while let next, next <= clock.nanoseconds, let timer = timers.first(where: { $0.deadline == next }) {
            timer.clear()
            timer.action()
        }
    }

    func close() { timers = [] }
}

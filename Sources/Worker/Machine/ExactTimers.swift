import Basics
import DeviceModel

/// Timers of an Exact machine, fired on the VP thread between two instructions at the first count that reaches the deadline. A timer that
/// nobody holds any more is forgotten.
final class ExactTimers: MachineTimers, @unchecked Sendable {
    let clock: any PartitionClock
    /// Called when a deadline moved before the one that the running slice was cut for.
    // Safety: set once, before anything runs.
    var deadlineCameNearer: (() -> Void)?
    private let lock = HostLock()
    // Safety: guarded by `lock`, because devices come and go on other threads; actions run without it.
    private var timers: [Entry] = []
    private var cut: UInt64 = 0

    /// What is known here of a timer; guarded by the lock but for the action.
    private final class Entry {
        let action: () -> Void
        var deadline: UInt64?
        init(_ action: @escaping () -> Void) { self.action = action }
    }

    /// A timer in its owner's hands; the entry goes with it.
    private final class Timer: PartitionTimer {
        private let service: ExactTimers
        private let entry: Entry
        init(_ service: ExactTimers, _ entry: Entry) { (self.service, self.entry) = (service, entry) }
        deinit { service.forget(entry) }

        func arm(at deadline: UInt64?) { service.arm(entry, deadline) }
        var deadline: UInt64? { service.lock.withLock { entry.deadline } }
    }

    init(clock: any PartitionClock) { self.clock = clock }

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let entry = Entry(action)
        lock.withLock { timers.append(entry) }
        return Timer(self, entry)
    }

    var count: Int { lock.withLock { timers.count } }

    /// Deadline the running slice was cut for; 0 between slices.
    var sliceDeadline: UInt64 {
        get { lock.withLock { cut } }
        set { lock.withLock { cut = newValue } }
    }

    /// The earliest deadline.
    var next: UInt64? { lock.withLock { earliest } }
    private var earliest: UInt64? { timers.lazy.compactMap(\.deadline).min() }

    private func arm(_ entry: Entry, _ deadline: UInt64?) {
        let cameNearer = lock.withLock {
            entry.deadline = deadline
            return deadline.map { $0 < cut } ?? false
        }
        if cameNearer { deadlineCameNearer?() }
    }

    /// What the action holds is let go after the lock: it may be the last to hold other timers.
    private func forget(_ entry: Entry) { lock.withLock { timers.removeAll { $0 === entry } } }

    /// Fires everything due, in order of deadline, then of creation.
    func fireDue() {
        while let due = takeDue() { due.action() }
    }

    private func takeDue() -> Entry? {
        lock.withLock {
            guard let next = earliest, next <= clock.nanoseconds, let due = timers.first(where: { $0.deadline == next }) else { return nil }
            due.deadline = nil
            return due
        }
    }

    func close() {
        let former = lock.withLock { () -> [Entry] in
            defer { timers = [] }
            return timers
        }
        withExtendedLifetime(former) {}
    }
}

import Basics
import DeviceModel

/// Timers of a Real machine, fired by a thread of their own. A timer that nobody holds any more is forgotten.
final class RealTimers: MachineTimers, @unchecked Sendable {
    let clock: any PartitionClock
    private let realClock: RealClock

    // Safety: all below is guarded by `lock`; actions run without it.
    private let lock = HostLock()
    private var timers: [Entry] = []
    /// Partition time the thread sleeps towards; nil: until woken.
    private var sleepingTowards: UInt64?
    private var isRunning = false, isFiring = false, isClosed = false
    private var thread: HostThread?

    /// What is known here of a timer; guarded by the lock but for the action.
    private final class Entry {
        let action: () -> Void
        var armed: UInt64?
        init(_ action: @escaping () -> Void) { self.action = action }
    }

    /// A timer in its owner's hands; the entry goes with it.
    private final class Timer: PartitionTimer {
        private let service: RealTimers
        private let entry: Entry
        init(_ service: RealTimers, _ entry: Entry) { (self.service, self.entry) = (service, entry) }
        deinit { service.forget(entry) }

        func arm(at deadline: UInt64?) { service.arm(entry, deadline) }
        var deadline: UInt64? { service.lock.withLock { entry.armed } }
    }

    init(clock: RealClock) { (self.clock, realClock) = (clock, clock) }

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let entry = Entry(action)
        lock.withLock { timers.append(entry) }
        return Timer(self, entry)
    }

    var count: Int { lock.withLock { timers.count } }

    /// What the action holds is let go after the lock: it may be the last to hold other timers.
    private func forget(_ entry: Entry) { lock.withLock { timers.removeAll { $0 === entry } } }

    private func arm(_ timer: Entry, _ deadline: UInt64?) {
        lock.withLock {
            timer.armed = deadline
            guard let deadline, isRunning else { return }
            if sleepingTowards.map({ deadline < $0 }) ?? true { lock.wakeAll() }
        }
    }

    /// Timers come due from now on. The clock runs.
    func run() {
        lock.withLock {
            isRunning = true
            if thread == nil { thread = HostThread(name: "timers", stackSize: 1 << 19) { [unowned self] in fireForever() } }
            lock.wakeAll()
        }
    }

    /// Returns when no action runs and none will; false: one still runs when the host's monotonic clock shows `deadline`.
    func stop(by deadline: UInt64) -> Bool {
        lock.withLock {
            isRunning = false
            return lock.wait(while: { isFiring }, untilMonotonic: deadline)
        }
    }

    func close() {
        lock.withLock {
            isClosed = true
            lock.wakeAll()
        }
        thread?.join()
        // Let go after the lock: what the actions hold may hold other timers.
        let former = lock.withLock { () -> [Entry] in
            defer { timers = [] }
            return timers
        }
        withExtendedLifetime(former) {}
    }

    private func fireForever() {
        lock.lock()
        defer { lock.unlock() }
        while !isClosed {
            guard isRunning, let next = timers.lazy.compactMap(\.armed).min() else {
                sleepingTowards = nil
                lock.wait()
                continue
            }
            let now = clock.nanoseconds
            guard next <= now else {
                sleepingTowards = next
                lock.wait(untilMonotonic: realClock.hostTime(of: next))
                continue
            }
            // Equal deadlines fire in the order of creation, which is the array's.
            guard let timer = timers.first(where: { $0.armed == next }) else { continue }
            timer.armed = nil
            isFiring = true
            lock.unlock()
            timer.action()
            lock.lock()
            isFiring = false
            if !isRunning { lock.wakeAll() }
        }
    }
}

import DeviceModel

/// Timers of a Real machine, fired by a thread of their own.
final class RealTimers: TimerService, @unchecked Sendable {
    let clock: any PartitionClock
    private let realClock: RealClock

    // Safety: all below is guarded by `lock`; actions run without it.
    private let lock = HostLock()
    private var timers: [Timer] = []
    /// Partition time the thread sleeps towards; nil: until woken.
    private var sleepingTowards: UInt64?
    private var isRunning = false, isFiring = false, isClosed = false
    private var thread: HostThread?

    private final class Timer: PartitionTimer, @unchecked Sendable {
        unowned let service: RealTimers
        let action: () -> Void
        /// Guarded by the service's lock.
        var armed: UInt64?

        init(service: RealTimers, action: @escaping () -> Void) { (self.service, self.action) = (service, action) }

        func arm(at deadline: UInt64?) { service.arm(self, deadline) }
        var deadline: UInt64? { service.lock.withLock { armed } }
    }

    init(clock: RealClock) { (self.clock, realClock) = (clock, clock) }

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let timer = Timer(service: self, action: action)
        lock.withLock { timers.append(timer) }
        return timer
    }

    private func arm(_ timer: Timer, _ deadline: UInt64?) {
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

    /// Returns when no action runs and none will.
    func stop() {
        lock.withLock {
            isRunning = false
            while isFiring { lock.wait() }
        }
    }

    func close() {
        lock.withLock {
            isClosed = true
            lock.wakeAll()
        }
        thread?.join()
        lock.withLock { timers = [] }
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

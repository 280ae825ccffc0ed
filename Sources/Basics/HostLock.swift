#if canImport(Glibc)
    import Glibc
#endif

/// A plain lock of the host with a condition to wait for. Swift's `Mutex` has no condition and wants `sending` values; device code
/// and cmdlets' threads want neither ceremony nor a wait without one.
package final class HostLock: @unchecked Sendable {
    // Safety: both live at fixed addresses from init to deinit.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func lock() { pthread_mutex_lock(mutex) }
    package func unlock() { pthread_mutex_unlock(mutex) }
    /// Takes the lock if nobody has it, the calling thread included; false: somebody has it.
    package func tryLock() -> Bool { pthread_mutex_trylock(mutex) == 0 }

    package func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Wakes everyone who waits. Precondition: the caller holds the lock.
    package func wakeAll() { pthread_cond_broadcast(condition) }

    /// Waits until woken; may return without cause. Precondition: the caller holds the lock.
    package func wait() { pthread_cond_wait(condition, mutex) }

    /// Waits until woken or until the host's monotonic clock shows `deadline` nanoseconds.
    package func wait(untilMonotonic deadline: UInt64) {
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        pthread_cond_timedwait(condition, mutex, &time)
    }

    /// Waits until woken, at most that long. Precondition: the caller holds the lock.
    package func wait(milliseconds: UInt64) { wait(untilMonotonic: HostTime.monotonic() &+ milliseconds &* 1_000_000) }

    /// Waits while `condition` holds; false: it still holds when the host's monotonic clock shows `deadline`. Precondition: the caller holds
    /// the lock.
    package func wait(while condition: () -> Bool, untilMonotonic deadline: UInt64) -> Bool {
        while condition() {
            if HostTime.monotonic() >= deadline { return false }
            wait(untilMonotonic: deadline)
        }
        return true
    }
}

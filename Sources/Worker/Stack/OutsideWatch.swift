import Basics
import CHost
import DeviceModel

#if canImport(Glibc)
    import Glibc
#endif

/// Host descriptors that an Exact machine's services watch: a thread waits for them and lets what is ready in, one after another.
final class OutsideWatch: @unchecked Sendable {
    private struct Watch { let descriptor: Int32, events: Int16, action: () -> Void }

    private let bell = lv_event_make()
    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var watches: [Watch] = []
    private var isRunning = false, isClosed = false, isActing = false
    private var thread: HostThread?

    deinit { Glibc.close(bell) }

    func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void) {
        lock.withLock {
            watches.removeAll { $0.descriptor == descriptor }
            if let events { watches.append(Watch(descriptor: descriptor, events: events, action: action)) }
            lock.wakeAll()
        }
        ring()
    }

    func run() {
        lock.withLock {
            isRunning = true
            if thread == nil, !isClosed { thread = HostThread(name: "outside") { [unowned self] in runForever() } }
            lock.wakeAll()
        }
    }

    /// Returns when nothing is let in any more; false: something is still on its way in when the host's monotonic clock shows `deadline`.
    /// To be called while the virtual processors still run or stand.
    func stop(by deadline: UInt64) -> Bool {
        lock.withLock { isRunning = false }
        ring()
        return lock.withLock { lock.wait(while: { isActing }, untilMonotonic: deadline) }
    }

    func close() {
        lock.withLock {
            isClosed = true
            isRunning = false
            lock.wakeAll()
        }
        ring()
        thread?.join()
    }

    private func ring() { lv_event_ring(bell) }

    private func runForever() {
        lock.lock()
        defer { lock.unlock() }
        while !isClosed {
            guard isRunning, !watches.isEmpty else {
                lock.wait()
                continue
            }
            let current = watches
            lock.unlock()
            var descriptors = [pollfd(fd: bell, events: Int16(POLLIN), revents: 0)]
            for watch in current { descriptors.append(pollfd(fd: watch.descriptor, events: watch.events, revents: 0)) }
            poll(&descriptors, nfds_t(descriptors.count), -1)
            if descriptors[0].revents != 0 { lv_event_clear(bell) }
            lock.lock()
            guard isRunning, !isClosed else { continue }
            isActing = true
            lock.unlock()
            for (watch, polled) in zip(current, descriptors.dropFirst()) where polled.revents != 0 { watch.action() }
            lock.lock()
            isActing = false
            lock.wakeAll()
        }
    }
}

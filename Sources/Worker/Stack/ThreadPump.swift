import Basics
import CHost
import DeviceModel
import Synchronization
import VMBus

#if canImport(Glibc)
    import Glibc
#endif

/// A pump of a Real machine: a thread that sleeps in poll(2) until a guest signals, something is posted, or a watched descriptor is
/// ready.
///
///     wake ──▶ isPending ──┐
///     post ──▶ posted ─────┼─▶ round: posted bodies, ready descriptors, work     under `context`
///     descriptor ready ────┘
///
/// While the thread is awake a wake costs one atomic store; only a sleeping one costs a system call. A pump that serves its callers does
/// the work in `wake`, on the thread of the virtual processor that signals, when nobody else is in the context and nothing older waits:
/// most answers are there when the guest's call returns, and no thread is woken for them. Its descriptors are watched by idle virtual
/// processors first (`IdleWatch`), which then serve it in the same way. A pump whose callers wait also does what takes long there.
package final class ThreadPump: ServicePump, @unchecked Sendable {
    private struct Watch {
        let descriptor: Int32, events: Int16
        /// Its number with the idle processors; nil: the thread alone polls it.
        let number: UInt64?
        let action: () -> Void
    }

    package let clock: any PartitionClock
    private let timers: any TimerService
    let name: String
    private let servesCallers: Bool
    /// What callers are served with may wait for the host, too.
    private let callersWait: Bool
    private let crossings: CrossingCounters?
    /// Held while anything of the device runs.
    private let context = HostLock()
    // Safety: set before anything runs.
    private var work: () -> Void = {}
    private let isPending = Atomic<Bool>(false)
    private let isAsleep = Atomic<Bool>(false)
    // Safety: in the context only.
    package private(set) var mayWait = true
    private var followers: [() -> Void] = []
    private let bell: Int32
    private let idleWatch: IdleWatch?
    /// The thread's own watcher of what idle processors watch; negative: they watch nothing.
    private let watcher: Int32

    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var posted: [() -> Void] = []
    private var watches: [Watch] = []
    /// Counts changes of `watches`.
    private var watchRevision = 0
    /// Threads that wait in `perform` for their turn.
    private var visitors = 0
    private var isRunning = false, isParked = true, isClosed = false
    /// A caller of `wake` does the work.
    private var isServing = false
    private var thread: HostThread?

    /// `servesCallers`: `wake` does the work itself where it can; the work must heed `mayWait`. `idleWatch`: so do idle processors when a
    /// descriptor is ready. `callersWait`: whoever is served waits for the host, too, instead of leaving that to the thread.
    package init(
        name: String, timers: any TimerService, servesCallers: Bool = false, callersWait: Bool = false, idleWatch: IdleWatch? = nil,
        crossings: CrossingCounters? = nil
    ) {
        (self.name, self.timers, self.servesCallers, clock) = (name, timers, servesCallers, timers.clock)
        (self.callersWait, self.crossings) = (callersWait, crossings)
        bell = lv_event_make()
        self.idleWatch = idleWatch
        watcher = idleWatch == nil ? -1 : lv_watcher_make()
    }

    deinit {
        for watch in watches { if let number = watch.number { idleWatch?.remove(number) } }
        if watcher >= 0 { Glibc.close(watcher) }
        Glibc.close(bell)
    }

    package func setWork(_ work: @escaping () -> Void) { self.work = work }

    package func wake() {
        isPending.store(true, ordering: .sequentiallyConsistent)
        guard servesCallers, serveCaller() else { return hand() }
    }

    /// Does the work on the calling thread; false: nobody does it yet. Who serves a caller looks at the end what else has come.
    private func serveCaller() -> Bool {
        guard serve({}) else { return lock.withLock { isServing } }
        crossings?.countServed()
        return true
    }

    /// Leaves the rest to the thread.
    private func hand() {
        crossings?.countHanded()
        ring()
    }

    /// Runs `body` and does the work on the calling thread; false, and nothing done, when somebody is in the context or something waits.
    private func serve(_ body: () -> Void) -> Bool {
        guard context.tryLock() else { return false }
        let isFree = lock.withLock {
            isServing = isRunning && posted.isEmpty && visitors == 0
            return isServing
        }
        guard isFree else {
            context.unlock()
            return false
        }
        mayWait = callersWait
        body()
        if isPending.exchange(false, ordering: .sequentiallyConsistent) { work() }
        runFollowers()
        crossings?.countDiskCalls()
        mayWait = true
        let isDone = lock.withLock {
            isServing = false
            if !isRunning { lock.wakeAll() }
            return posted.isEmpty
        }
        context.unlock()
        if !isDone || isPending.load(ordering: .sequentiallyConsistent) { hand() }
        return true
    }

    /// A busy pump lets visitors in between two rounds: a plain lock would go to the thread that has just let it go.
    package func perform<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock.withLock { visitors += 1 }
        context.lock()
        lock.withLock {
            visitors -= 1
            if visitors == 0 { lock.wakeAll() }
        }
        defer {
            // Whoever visits a pump that stands still does not set it going.
            let rest = followers
            followers = []
            context.unlock()
            for follower in rest { post(follower) }
        }
        return try body()
    }

    package func follow(_ body: @escaping () -> Void) { followers.append(body) }

    private func runFollowers() {
        while !followers.isEmpty {
            let bodies = followers
            followers.removeAll(keepingCapacity: true)
            for body in bodies { body() }
        }
    }

    package func post(_ body: @escaping () -> Void) {
        let isSeen = lock.withLock {
            posted.append(body)
            return isServing
        }
        if !isSeen { ring() }
    }

    package func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        timers.makeTimer(name: name) { [weak self] in self?.post(action) }
    }

    package func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void) {
        let isShared = events == Int16(POLLIN) && watcher >= 0
        let number = isShared ? idleWatch?.makeNumber() : nil
        let former = lock.withLock { () -> UInt64? in
            let former = watches.first { $0.descriptor == descriptor }?.number
            watches.removeAll { $0.descriptor == descriptor }
            if let events { watches.append(Watch(descriptor: descriptor, events: events, number: number, action: action)) }
            watchRevision &+= 1
            return former
        }
        if let former {
            idleWatch?.remove(former)
            lv_watcher_remove(watcher, descriptor)
        }
        if let number {
            idleWatch?.add(number, descriptor) { [weak self] in self?.attend(number) }
            _ = lv_watcher_add(watcher, descriptor, number)
        }
        ring()
    }

    /// A descriptor that idle processors watch is ready; on the thread of one.
    private func attend(_ number: UInt64) {
        if !serve({ act(number) }) { post { [weak self] in self?.act(number) } }
    }

    /// The action of a watch, unless that has ended. In the context.
    private func act(_ number: UInt64) {
        lock.withLock { watches.first { $0.number == number }?.action }?()
        runFollowers()
    }

    /// Lets the thread go on.
    package func run() {
        lock.withLock {
            isRunning = true
            if thread == nil, !isClosed { thread = HostThread(name: name) { [unowned self] in runForever() } }
            lock.wakeAll()
        }
    }

    /// Returns when nobody does anything in the context; false: somebody does still when the host's monotonic clock shows `deadline`.
    package func stop(by deadline: UInt64) -> Bool {
        lock.withLock { isRunning = false }
        ring()
        return lock.withLock { lock.wait(while: { !isParked || isServing }, untilMonotonic: deadline) }
    }

    /// Runs what was posted, on the calling thread; true: there was something. Precondition: stopped.
    func drain() -> Bool {
        let bodies = lock.withLock { () -> [() -> Void] in
            defer { posted = [] }
            return posted
        }
        guard !bodies.isEmpty else { return false }
        context.withLock {
            for body in bodies {
                body()
                runFollowers()
            }
        }
        return true
    }

    package func close() {
        lock.withLock {
            isClosed = true
            isRunning = false
            lock.wakeAll()
        }
        ring()
        thread?.join()
        lock.withLock { while isServing { lock.wait() } }
    }

    /// Host processor time of the thread in nanoseconds.
    var processorTime: UInt64 { lock.withLock { isClosed ? 0 : thread?.processorTime ?? 0 } }

    // MARK: The thread

    private func ring() {
        guard isAsleep.exchange(false, ordering: .sequentiallyConsistent) else { return }
        crossings?.countSystemCalls()
        lv_event_ring(bell)
    }

    private func runForever() {
        var descriptors: [pollfd] = []
        while stayedOpen() {
            let (watches, revision) = lock.withLock { (self.watches.filter { $0.number == nil }, watchRevision) }
            descriptors.removeAll(keepingCapacity: true)
            descriptors.append(pollfd(fd: bell, events: Int16(POLLIN), revents: 0))
            for watch in watches { descriptors.append(pollfd(fd: watch.descriptor, events: watch.events, revents: 0)) }
            if watcher >= 0 { descriptors.append(pollfd(fd: watcher, events: Int16(POLLIN), revents: 0)) }
            isAsleep.store(true, ordering: .sequentiallyConsistent)
            let isBusy =
                isPending.load(ordering: .sequentiallyConsistent)
                || lock.withLock { !posted.isEmpty || !isRunning || revision != watchRevision }
            // A busy pump only looks; it does so only if there is anything but the bell to look at.
            if !isBusy || descriptors.count > 1 {
                crossings?.countSystemCalls()
                poll(&descriptors, nfds_t(descriptors.count), isBusy ? 0 : -1)
            }
            isAsleep.store(false, ordering: .sequentiallyConsistent)
            if descriptors[0].revents != 0 {
                crossings?.countSystemCalls()
                lv_event_clear(bell)
            }
            round(watches, descriptors)
        }
    }

    private func round(_ watches: [Watch], _ descriptors: [pollfd]) {
        let bodies = lock.withLock { () -> [() -> Void] in
            while visitors > 0 { lock.wait() }
            defer { posted = [] }
            return posted
        }
        context.lock()
        defer { context.unlock() }
        for body in bodies {
            body()
            runFollowers()
        }
        for (watch, polled) in zip(watches, descriptors.dropFirst()) where polled.revents != 0 {
            watch.action()
            runFollowers()
        }
        if watcher >= 0, descriptors.last?.revents != 0 {
            crossings?.countSystemCalls()
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 8) { numbers in
                for number in numbers[..<Int(lv_watcher_wait(watcher, numbers.baseAddress, 8, 0))] { act(number) }
            }
        }
        if isPending.exchange(false, ordering: .sequentiallyConsistent) { work() }
        runFollowers()
        crossings?.countDiskCalls()
    }

    /// Parks while stopped; false: the thread ends.
    private func stayedOpen() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        if isRunning {
            isParked = false
            return true
        }
        isParked = true
        lock.wakeAll()
        while !isRunning, !isClosed { lock.wait() }
        isParked = isClosed
        lock.wakeAll()
        return !isClosed
    }
}

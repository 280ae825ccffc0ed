import Basics
import DeviceModel
import HypervisorCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Exact mode: all VPs on one thread, round robin, timers at exact counts; when all are idle, time jumps to the next deadline.
///
///     turn of VP n: ├── slice ──┤ timers ├── slice ──┤ … until 10,000 instructions or idle → turn of VP n + 1
///
/// A slice ends at the next deadline, at the turn's end or at the count that was asked for. Nothing here depends on host time, and
/// cutting a slice short changes nothing that the guest can see.
final class ExactScheduler: Scheduler, @unchecked Sendable {
    /// Instructions of a turn.
    private static let quantum: UInt64 = 10_000
    private static let stackSize = 8 << 20

    private let processors: [VirtualProcessor]
    private let clock: ExactClock
    private let timers: ExactTimers
    private weak var client: (any SchedulerClient)?

    // Safety: of the VP thread while it runs, of whoever stopped it otherwise.
    private var current = 0
    private var quantumLeft = ExactScheduler.quantum
    private var isIdle: [Bool]
    private var deadlyHaltReported = false
    /// Count to stop at.
    var stopCount: UInt64?

    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var isFrozen = true, isStanding = true, isClosed = false
    private var inputs: [(UInt64?) -> Void] = []
    private var thread: HostThread?
    /// The thread that holds the lock while it is inside `perform` or an input; 0: none.
    private let performer = Atomic<pthread_t>(0)

    init(processors: [VirtualProcessor], clock: ExactClock, timers: ExactTimers, client: any SchedulerClient) {
        (self.processors, self.clock, self.timers, self.client) = (processors, clock, timers, client)
        isIdle = Array(repeating: false, count: processors.count)
        timers.deadlineCameNearer = { [unowned self] in self.processors[current].requestAttention() }
    }

    func run() {
        lock.withLock {
            isFrozen = false
            isStanding = false
            if thread == nil { thread = HostThread(name: "vp all", stackSize: Self.stackSize) { [unowned self] in runForever() } }
            lock.wakeAll()
        }
    }

    func stop(by deadline: UInt64) -> String? {
        // A turn is short. Nobody's attention is asked for: a wake-up that the guest did not cause could change whose turn it is.
        lock.withLock {
            isFrozen = true
            lock.wakeAll()
            while !isStanding {
                if HostTime.monotonic() >= deadline { return "virtual processor \(current) does not come to an instruction's end" }
                lock.wait(untilMonotonic: deadline)
            }
            return nil
        }
    }

    func freeze() {
        // What `perform` or an input runs holds the lock already.
        if performer.load(ordering: .relaxed) == pthread_self() { isFrozen = true } else { lock.withLock { isFrozen = true } }
        processors[current].requestAttention()
    }

    func perform(_ body: @escaping (UInt64?) -> Void) {
        lock.lock()
        defer { lock.unlock() }
        if isStanding {
            performer.store(pthread_self(), ordering: .relaxed)
            body(clock.count)
            performer.store(0, ordering: .relaxed)
            return
        }
        var isDone = false
        inputs.append { count in
            body(count)
            isDone = true
        }
        lock.wakeAll()
        while !isDone { lock.wait() }
    }

    /// Runs `body` where nothing else touches devices: at once on the thread of the virtual processors, else as input from outside.
    func performInside(_ body: @escaping () -> Void) {
        if clock.isOwner || performer.load(ordering: .relaxed) == pthread_self() {
            body()
        } else {
            perform { _ in body() }
        }
    }

    func close() {
        lock.withLock {
            isClosed = true
            lock.wakeAll()
        }
        thread?.join()
        timers.close()
    }

    var instructions: UInt64 { clock.count }
    var processorTime: UInt64 { lock.withLock { isClosed ? 0 : thread?.processorTime ?? 0 } }

    var position: SchedulerPosition {
        get {
            let idle = processors.map { isIdle[$0.index] && !$0.hasWork }
            return SchedulerPosition(
                instructions: clock.count, idleTime: clock.idleTime, current: current, quantumLeft: quantumLeft, idle: idle)
        }
        set {
            clock.set(count: newValue.instructions, idleTime: newValue.idleTime)
            current = newValue.current < processors.count ? max(newValue.current, 0) : 0
            quantumLeft = min(newValue.quantumLeft, Self.quantum)
            if newValue.idle.count == processors.count { isIdle = newValue.idle }
        }
    }

    func processorsChanged() {
        isIdle = Array(repeating: false, count: processors.count)
        deadlyHaltReported = false
    }

    // MARK: The VP thread

    private func runForever() {
        while stayedOpen() {
            timers.fireDue()
            guard let turn = nextTurn() else {
                waitOrJump()
                continue
            }
            runSlice(of: turn)
        }
    }

    /// The VP to run: the current one while it has something to do and instructions left, else the next that has.
    private func nextTurn() -> Int? {
        for processor in processors where isIdle[processor.index] && processor.hasWork { isIdle[processor.index] = false }
        if !isIdle[current], quantumLeft > 0 { return current }
        for step in 1...processors.count {
            let candidate = (current + step) % processors.count
            if !isIdle[candidate] {
                current = candidate
                quantumLeft = Self.quantum
                return candidate
            }
        }
        return nil
    }

    private func runSlice(of turn: Int) {
        let processor = processors[turn]
        var length = quantumLeft
        let count = clock.count
        if let stopCount { length = min(length, stopCount &- count) }
        let deadline = timers.next ?? .max
        if deadline < .max { length = min(length, max(clock.count(at: deadline), count + 1) - count) }
        timers.sliceDeadline = deadline
        clock.beginSlice { processor.instructionsRetired }
        let outcome = processor.runSlice(until: processor.instructionsRetired &+ length)
        clock.endSlice()
        timers.sliceDeadline = 0
        quantumLeft -= min(clock.count - count, quantumLeft)
        switch outcome {
        case .limit, .attention: break
        case .idle:
            isIdle[turn] = true
            reportDeadlyHalt()
        case .resetRequested: request(.reset("The guest reset the machine by the hypervisor's reset register."))
        case .tripleFault: request(.tripleFault(processor: turn))
        case .unsupported(let what): request(.unsupported(what, processor: turn))
        }
    }

    private func request(_ request: GuestRequest) {
        freeze()
        client?.scheduler(received: request)
    }

    /// Nothing runs: on to the next deadline, or, without one, to whatever comes from outside.
    private func waitOrJump() {
        if let deadline = timers.next {
            clock.jump(to: deadline)
            return
        }
        lock.withLock {
            while inputs.isEmpty, !isFrozen, !isClosed, !processors.contains(where: \.hasWork) { lock.wait() }
        }
    }

    private func reportDeadlyHalt() {
        guard !deadlyHaltReported, processors.allSatisfy({ $0.isDeadlyHalted || $0.runState == .waitForSIPI }) else { return }
        deadlyHaltReported = true
        client?.schedulerFoundDeadlyHalt()
    }

    /// Takes input and stands still while frozen; false: the thread ends.
    private func stayedOpen() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        clock.takeOver()
        takeInputs()
        var reached = false
        if let stopCount, clock.count >= stopCount {
            (reached, self.stopCount) = (true, nil)
            isFrozen = true
        }
        guard isFrozen || isClosed else { return true }
        clock.release()
        if reached {
            // Told before it stands, so that nobody who finds it standing lets it go on unawares.
            lock.unlock()
            client?.schedulerReachedCount()
            lock.lock()
            takeInputs()
        }
        isStanding = true
        lock.wakeAll()
        while isFrozen, !isClosed {
            // `run` and `stop` in quick succession: it still stands. What came from outside meanwhile is not kept waiting.
            if !isStanding {
                takeInputs()
                isStanding = true
                lock.wakeAll()
            }
            lock.wait()
        }
        clock.takeOver()
        return !isClosed
    }

    private func takeInputs() {
        guard !inputs.isEmpty else { return }
        let taken = inputs
        inputs = []
        performer.store(pthread_self(), ordering: .relaxed)
        for input in taken { input(clock.count) }
        performer.store(0, ordering: .relaxed)
        lock.wakeAll()
    }
}

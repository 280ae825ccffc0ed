import Basics
import DeviceModel
import HypervisorCore
import Synchronization

/// Real mode: a thread per VP, all of them in parallel.
final class RealScheduler: Scheduler, @unchecked Sendable {
    /// A VP looks at its owner's flags at least this often. The engine stops exactly there, which costs it the last instructions one by one.
    private static let slice: UInt64 = 200_000
    private static let stackSize = 8 << 20

    private final class Runner: @unchecked Sendable {
        let processor: VirtualProcessor
        /// Instructions retired as of the last slice's end; written by the VP's thread only.
        let retired = Atomic<UInt64>(0)
        let isDeadlyHalted = Atomic<Bool>(false)
        /// Guarded by the scheduler's lock.
        var thread: HostThread?
        var isStanding = false
        init(_ processor: VirtualProcessor) { self.processor = processor }
    }

    private let runners: [Runner]
    /// Where idle processors sleep; nil: on their wake words.
    let idleWatch: IdleWatch?
    private let clock: RealClock
    private let timers: RealTimers
    private weak var client: (any SchedulerClient)?
    private let isFrozen = Atomic<Bool>(true)
    private let deadlyHaltReported = Atomic<Bool>(false)
    private let lock = HostLock()
    // Safety: guarded by `lock`.
    private var running = 0
    private var isClosed = false
    private var threadsStarted = false
    /// Instructions counted before this object's VPs began (a restored machine).
    private var earlier: UInt64 = 0

    init(processors: [VirtualProcessor], clock: RealClock, timers: RealTimers, client: any SchedulerClient) {
        runners = processors.map(Runner.init)
        (self.clock, self.timers, self.client) = (clock, timers, client)
        idleWatch = IdleWatch(processors: processors.count)
        guard let idleWatch else { return }
        for (number, processor) in processors.enumerated() { processor.wake.rouse = { idleWatch.ring(number) } }
    }

    func run() {
        clock.run()
        timers.run()
        lock.withLock {
            isFrozen.store(false, ordering: .sequentiallyConsistent)
            lock.wakeAll()
            guard !threadsStarted else { return }
            threadsStarted = true
            running = runners.count
            for (number, runner) in runners.enumerated() {
                runner.thread = HostThread(name: "vp \(runner.processor.index)", stackSize: Self.stackSize) { [unowned self] in
                    runForever(runner, number)
                }
            }
        }
    }

    func stop(by deadline: UInt64) -> String? {
        freeze()
        let restless: Int? = lock.withLock {
            lock.wait(while: { running > 0 }, untilMonotonic: deadline) ? nil : runners.first { !$0.isStanding }?.processor.index
        }
        if let restless { return "virtual processor \(restless) does not come to an instruction's end" }
        guard timers.stop(by: deadline) else { return "a timer's action does not end" }
        clock.stop()
        return nil
    }

    func freeze() {
        isFrozen.store(true, ordering: .sequentiallyConsistent)
        for runner in runners { runner.processor.requestAttention() }
    }

    func perform(_ body: @escaping (UInt64?) -> Void) { body(nil) }

    func close() {
        lock.withLock {
            isClosed = true
            lock.wakeAll()
        }
        for runner in runners { runner.thread?.join() }
        timers.close()
    }

    var instructions: UInt64 { runners.reduce(earlier) { $0 &+ $1.retired.load(ordering: .relaxed) } }
    var processorTime: UInt64 { lock.withLock { isClosed ? 0 : runners.reduce(0) { $0 &+ ($1.thread?.processorTime ?? 0) } } }

    var position: SchedulerPosition {
        get { SchedulerPosition(instructions: instructions) }
        set {
            earlier = 0
            earlier = newValue.instructions &- instructions
        }
    }

    func processorsChanged() {
        let before = instructions
        for runner in runners {
            runner.retired.store(runner.processor.instructionsRetired, ordering: .relaxed)
            runner.isDeadlyHalted.store(false, ordering: .relaxed)
        }
        earlier = earlier &+ before &- instructions
        deadlyHaltReported.store(false, ordering: .relaxed)
    }

    // MARK: A VP's thread

    private func runForever(_ runner: Runner, _ number: Int) {
        let processor = runner.processor
        while stayedOpen(runner) {
            let outcome = processor.runSlice(until: processor.instructionsRetired &+ Self.slice)
            runner.retired.store(processor.instructionsRetired, ordering: .relaxed)
            switch outcome {
            case .limit, .attention: break
            case .idle: sleep(runner, number)
            case .resetRequested: request(.reset("The guest reset the machine by the hypervisor's reset register."))
            case .tripleFault: request(.tripleFault(processor: processor.index))
            case .unsupported(let what): request(.unsupported(what, processor: processor.index))
            }
        }
    }

    private func request(_ request: GuestRequest) {
        freeze()
        client?.scheduler(received: request)
    }

    private func sleep(_ runner: Runner, _ number: Int) {
        if runner.processor.isDeadlyHalted {
            runner.isDeadlyHalted.store(true, ordering: .sequentiallyConsistent)
            reportDeadlyHalt()
        }
        if let idleWatch {
            var duties: [() -> Void] = []
            runner.processor.wake.sleep { duties = idleWatch.wait(number) }
            for duty in duties { duty() }
        } else {
            _ = runner.processor.waitForWork(timeoutNanoseconds: nil)
        }
        runner.isDeadlyHalted.store(false, ordering: .sequentiallyConsistent)
    }

    private func reportDeadlyHalt() {
        let all = runners.allSatisfy { $0.isDeadlyHalted.load(ordering: .sequentiallyConsistent) || $0.processor.runState == .waitForSIPI }
        guard all, !isFrozen.load(ordering: .relaxed), !deadlyHaltReported.exchange(true, ordering: .sequentiallyConsistent) else { return }
        client?.schedulerFoundDeadlyHalt()
    }

    /// Stands still while frozen; false: the thread ends.
    private func stayedOpen(_ runner: Runner) -> Bool {
        guard isFrozen.load(ordering: .relaxed) else { return true }
        return lock.withLock {
            running -= 1
            runner.isStanding = true
            lock.wakeAll()
            while isFrozen.load(ordering: .sequentiallyConsistent), !isClosed { lock.wait() }
            running += 1
            runner.isStanding = false
            return !isClosed
        }
    }
}

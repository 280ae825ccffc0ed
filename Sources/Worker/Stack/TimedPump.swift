import DeviceModel
import VMBus

/// A pump of an Exact machine: its work runs on the thread of the virtual processors, a fixed partition time after the guest's request,
/// so that the same run comes out every time (machine.md, "Time").
///
/// What is posted runs at the same instant, behind what runs now: between two instructions nothing is ever left over. The one thing
/// that a saved state must keep is when the next work is due.
final class TimedPump: ServicePump, StatefulUnit, @unchecked Sendable {
    struct State: Codable, Sendable {
        /// Partition time in nanoseconds at which the work runs; nil: nobody has asked for it.
        var due: UInt64?
    }
    static let stateVersion = 1
    /// Nanoseconds of partition time between a request and its answer.
    static let latency: UInt64 = 20_000

    let unitName: String
    let clock: any PartitionClock
    private let scheduler: ExactScheduler
    private let timers: any TimerService
    private let outside: OutsideWatch
    private let crossings: CrossingCounters?
    // Safety: all below belongs to whoever may touch devices: the VP thread while it runs, else the one who stopped it.
    private var work: () -> Void = {}
    private var timer: (any PartitionTimer)?
    private var isInside = false
    private var posted: [() -> Void] = []

    init(
        name: String, scheduler: ExactScheduler, timers: any TimerService, outside: OutsideWatch, crossings: CrossingCounters? = nil
    ) {
        (unitName, self.crossings) = ("pump.\(name)", crossings)
        (self.scheduler, self.timers, self.outside, clock) = (scheduler, timers, outside, timers.clock)
        timer = timers.makeTimer(name: unitName) { [weak self] in self?.doWork() }
    }

    // Timers outlive the pump of a device that was removed.
    private func doWork() { enter(work) }

    func setWork(_ work: @escaping () -> Void) { self.work = work }

    func wake() {
        guard timer?.deadline == nil else { return }
        timer?.arm(at: clock.nanoseconds + Self.latency)
    }

    func perform<Result>(_ body: () throws -> Result) rethrows -> Result {
        try relay(body) { throw $0 }
    }

    /// Carries what `body` throws out of the scheduler, which knows nothing of errors.
    private func relay<Result>(_ body: () throws -> Result, rescue: (any Error) throws -> Result) rethrows -> Result {
        var outcome: Swift.Result<Result, any Error>?
        withoutActuallyEscaping(body) { body in
            scheduler.performInside { [unowned self] in enter { outcome = Swift.Result { try body() } } }
        }
        switch outcome {
        case .success(let result): return result
        case .failure(let error): return try rescue(error)
        case nil: preconditionFailure("a scheduler has performed what it was given when it returns")
        }
    }

    func post(_ body: @escaping () -> Void) {
        scheduler.performInside { [unowned self] in
            if isInside { posted.append(body) } else { enter(body) }
        }
    }

    func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        timers.makeTimer(name: name) { [weak self] in self?.enter(action) }
    }

    func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void) {
        outside.watch(descriptor, events: events) { [weak self] in
            guard let self else { return }
            scheduler.performInside { self.enter(action) }
        }
    }

    /// Runs `body`, then what was posted meanwhile.
    private func enter(_ body: () -> Void) {
        guard !isInside else { return body() }
        isInside = true
        body()
        while !posted.isEmpty {
            let bodies = posted
            posted = []
            for body in bodies { body() }
        }
        crossings?.countDiskCalls()
        isInside = false
    }

    func saveState() throws(StateError) -> State { State(due: timer?.deadline) }
    func restoreState(_ state: State, version: Int) throws(StateError) { timer?.arm(at: state.due) }
    /// Power-up state: nobody has asked for anything.
    func reset() { timer?.arm(at: nil) }
}

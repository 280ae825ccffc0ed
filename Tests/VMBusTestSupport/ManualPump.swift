import DeviceModel
import VMBus

/// A clock that a test sets.
package final class ManualClock: PartitionClock, @unchecked Sendable {
    // Safety: tests use it from one thread.
    package var nanoseconds: UInt64
    package init(nanoseconds: UInt64 = 0) { self.nanoseconds = nanoseconds }
}

/// A pump that stands still until a test runs it: work, posted bodies and timers happen in `run` and `advance`, on the test's thread, in
/// an order that never changes.
package final class ManualPump: ServicePump, @unchecked Sendable {
    private final class Timer: PartitionTimer {
        let action: () -> Void
        var deadline: UInt64?
        init(_ action: @escaping () -> Void) { self.action = action }
        func arm(at deadline: UInt64?) { self.deadline = deadline }
    }

    private let manualClock: ManualClock
    private var work: (() -> Void)?
    private var isWoken = false
    private var posted: [() -> Void] = []
    private var timers: [Timer] = []
    private var watches: [Int32: (events: Int16, action: () -> Void)] = [:]
    /// False: as on the thread of a virtual processor. Posted bodies and timers may wait always.
    package var mayWait = true
    /// How often the work ran.
    package private(set) var turns = 0

    package init(clock: ManualClock = ManualClock()) { manualClock = clock }

    package var clock: any PartitionClock { manualClock }
    package func setWork(_ work: @escaping () -> Void) {
        precondition(self.work == nil, "the work of a pump is set once")
        self.work = work
    }
    package func wake() { isWoken = true }
    package func perform<Result>(_ body: () throws -> Result) rethrows -> Result { try body() }
    package func post(_ body: @escaping () -> Void) { posted.append(body) }

    package func makeTimer(name: String, action: @escaping () -> Void) -> any PartitionTimer {
        let timer = Timer(action)
        timers.append(timer)
        return timer
    }

    package func watch(_ descriptor: Int32, events: Int16?, action: @escaping () -> Void) {
        watches[descriptor] = events.map { ($0, action) }
    }

    /// Nothing is posted or woken; timers may be armed.
    package var isIdle: Bool { !isWoken && posted.isEmpty }

    /// The earliest deadline of its timers.
    package var nextDeadline: UInt64? { timers.compactMap(\.deadline).min() }

    /// Runs what waits, what follows from it, and timers that are due. false: there was nothing.
    @discardableResult
    package func run() -> Bool {
        var didSomething = false
        while true {
            if isWoken {
                isWoken = false
                turns += 1
                work?()
            } else if !posted.isEmpty {
                let before = mayWait
                mayWait = true
                posted.removeFirst()()
                mayWait = before
            } else if let due = timers.filter({ ($0.deadline ?? .max) <= manualClock.nanoseconds }).min(by: {
                ($0.deadline ?? 0) < ($1.deadline ?? 0)
            }) {
                due.deadline = nil
                due.action()
            } else {
                return didSomething
            }
            didSomething = true
        }
    }

    /// What `descriptor` is watched for; nil: it is not.
    package func events(of descriptor: Int32) -> Int16? { watches[descriptor]?.0 }

    /// The descriptors that are watched.
    package var watched: [Int32] { watches.keys.sorted() }

    /// Acts as if the host had made `descriptor` ready. false: nobody watches it.
    @discardableResult
    package func fire(_ descriptor: Int32) -> Bool {
        guard let watch = watches[descriptor] else { return false }
        watch.action()
        return true
    }
}

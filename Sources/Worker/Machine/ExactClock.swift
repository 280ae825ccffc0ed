import DeviceModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Partition time of an Exact machine: instructions retired by all VPs × a ratio + idle time jumped over (machine.md, "Time").
final class ExactClock: PartitionClock, @unchecked Sendable {
    /// Picoseconds of partition time per instruction.
    let ratio: UInt64
    // Safety: the plain fields belong to the VP thread while it runs and to whoever stopped it otherwise; others read `published`.
    /// Instructions retired before the current slice, and the VP's own count at its start.
    private var countBefore: UInt64 = 0, retiredBefore: UInt64 = 0
    private var currentRetired: (() -> UInt64)?
    private var owner: pthread_t?
    private(set) var idleTime: UInt64 = 0
    private let published = Atomic<UInt64>(0)
    private let publishedCount = Atomic<UInt64>(0)

    init(picosecondsPerInstruction ratio: UInt64) { self.ratio = max(ratio, 1) }

    /// Instructions retired by all VPs; exact on the VP thread, as of the last slice's end elsewhere.
    var count: UInt64 {
        guard isOwner else { return publishedCount.load(ordering: .acquiring) }
        guard let currentRetired else { return countBefore }
        return countBefore &+ (currentRetired() &- retiredBefore)
    }

    var nanoseconds: UInt64 { isOwner ? time(at: count) : published.load(ordering: .acquiring) }

    /// The calling thread is the one that runs the virtual processors.
    var isOwner: Bool {
        guard let owner else { return false }
        return pthread_equal(owner, pthread_self()) != 0
    }

    private func time(at count: UInt64) -> UInt64 {
        let (high, low) = count.multipliedFullWidth(by: ratio)
        return (high < 1000 ? UInt64(1000).dividingFullWidth((high, low)).quotient : .max) &+ idleTime
    }

    /// The first count at which the clock shows at least `deadline`.
    func count(at deadline: UInt64) -> UInt64 {
        guard deadline > idleTime else { return 0 }
        let (high, low) = (deadline - idleTime).multipliedFullWidth(by: 1000)
        guard high < ratio else { return .max }
        let (quotient, remainder) = ratio.dividingFullWidth((high, low))
        return remainder > 0 && quotient < .max ? quotient + 1 : quotient
    }

    /// The calling thread runs VPs from now on.
    func takeOver() { owner = pthread_self() }
    /// No thread runs VPs any more.
    func release() {
        publish()
        owner = nil
    }

    func beginSlice(retired: @escaping () -> UInt64) {
        retiredBefore = retired()
        currentRetired = retired
    }

    func endSlice() {
        countBefore = count
        currentRetired = nil
        publish()
    }

    /// Jumps over idle time. Precondition: `deadline` is not in the past.
    func jump(to deadline: UInt64) {
        let now = time(at: countBefore)
        if deadline > now { idleTime &+= deadline - now }
        publish()
    }

    func set(count: UInt64, idleTime: UInt64) {
        (countBefore, self.idleTime, currentRetired) = (count, idleTime, nil)
        publish()
    }

    private func publish() {
        publishedCount.store(countBefore, ordering: .releasing)
        published.store(time(at: countBefore), ordering: .releasing)
    }
}

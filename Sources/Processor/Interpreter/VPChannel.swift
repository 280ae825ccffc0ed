import CHost
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What one VP, or host code, asks of another VP's caches.
enum VPRequest: Sendable {
    /// Stores to this physical page must come to the slow path again.
    case revokeWrites(UInt64)
    /// Stores to any page must come to the slow path again and mark it.
    case revokeAllWrites
    /// Blocks with code of this physical page may not run any more.
    case invalidateCode(UInt64)
    /// Translations of one linear page, or all.
    case flush(UInt64?)
}

/// The side of a VP that other threads may touch: its mailbox, its kick word and whether it runs guest code.
///
/// Safety: the words live from init to deinit and are only used atomically; `sliceEnd` points into the VP's state block, which lives as
/// long as its `Interpreter`, which removes the channel from its group before it goes.
final class VPChannel: @unchecked Sendable {
    private static let kickWord = 0, runningWord = 1, postedWord = 2, servedWord = 3
    private let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 4)
    let sliceEnd: UnsafeMutablePointer<UInt64>
    private let mailbox = Mutex<[VPRequest]>([])
    private unowned let group: EngineGroup

    init(sliceEnd: UnsafeMutablePointer<UInt64>, group: EngineGroup) {
        words.initialize(repeating: 0, count: 4)
        self.sliceEnd = sliceEnd
        self.group = group
    }

    deinit { words.deallocate() }

    // MARK: any thread

    func kick() {
        _ = lv_atomic_exchange64(words + Self.kickWord, 1)
        hurry()
    }

    /// Makes the next block's entry leave the chain. The VP only reads the word there; it writes it between slices and looks at the
    /// kick word and the mailbox afterwards, so that neither order loses the request.
    func hurry() { _ = lv_atomic_exchange64(sliceEnd, 0) }

    func post(_ request: VPRequest) {
        // Counted under the lock: a request that is taken before it is counted would acknowledge another's.
        mailbox.withLock {
            $0.append(request)
            _ = lv_atomic_add64(words + Self.postedWord, 1)
        }
    }

    func awaitAcknowledgement() {
        let ticket = lv_atomic_load64(words + Self.postedWord)
        lv_fence()
        while lv_atomic_load64(words + Self.runningWord) != 0, lv_atomic_load64(words + Self.servedWord) < ticket {
            hurry()
            sched_yield()
        }
    }

    func awaitStop() {
        lv_fence()
        while lv_atomic_load64(words + Self.runningWord) != 0 {
            hurry()
            sched_yield()
        }
    }

    // MARK: the VP's own thread

    @inline(__always) var isKicked: Bool { lv_atomic_load64(words + Self.kickWord) != 0 }
    func takeKick() -> Bool { lv_atomic_exchange64(words + Self.kickWord, 0) != 0 }

    /// True when the mailbox holds something.
    @inline(__always) var hasRequests: Bool {
        lv_atomic_load64(words + Self.postedWord) != lv_atomic_load64(words + Self.servedWord)
    }

    func takeRequests() -> [VPRequest] {
        mailbox.withLock { requests in
            defer { requests.removeAll(keepingCapacity: true) }
            return requests
        }
    }

    func acknowledge(_ count: Int) { _ = lv_atomic_add64(words + Self.servedWord, UInt64(count)) }

    /// From now on this VP counts as not running guest code.
    func leaveGuest() { _ = lv_atomic_exchange64(words + Self.runningWord, 0) }

    /// From now on others wait for this VP. The caller serves the mailbox before it executes anything.
    func enterGuest() {
        while true {
            _ = lv_atomic_exchange64(words + Self.runningWord, 1)
            if !group.isStopped { return }
            leaveGuest()
            while group.isStopped { sched_yield() }
        }
    }

    /// As `enterGuest`, for the VP that holds the group's lock (nobody else can stop the world then).
    func enterGuestHoldingLock() { _ = lv_atomic_exchange64(words + Self.runningWord, 1) }
}

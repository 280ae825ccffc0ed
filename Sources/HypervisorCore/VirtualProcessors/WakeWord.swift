import CHost

/// The word a VP's thread sleeps on while the VP is idle: posting sets a bit and wakes it, running takes the bits.
///
/// A bit that is set between "nothing to do" and the sleep keeps the thread awake, so no wake-up is lost. One more bit says that the thread
/// sleeps: posting to a VP that is awake, as a VP does to itself, costs no system call.
package final class WakeWord: @unchecked Sendable {
    /// Why a VP must look up.
    package struct Reasons: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// An interrupt, INIT, SIPI or NMI was posted.
        package static let event = Reasons(rawValue: 1)
        /// The machine's owner wants the VP's thread to look at its own flags.
        package static let attention = Reasons(rawValue: 2)
    }

    private static let asleep: UInt32 = 1 << 31
    /// The thread sleeps in a way of its owner's.
    private static let elsewhere: UInt32 = 1 << 30
    // Safety: one element, valid from init to deinit.
    private let word: UnsafeMutablePointer<UInt32>
    /// Ends a sleep of `sleep(_:)`; from any thread.
    // Safety: set before the thread runs that sleeps.
    package var rouse: @Sendable () -> Void = {}

    package init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    package var reasons: Reasons { Reasons(rawValue: lv_atomic_load32(word) & ~(Self.asleep | Self.elsewhere)) }

    /// Adds reasons and wakes the sleeper, if any.
    package func post(_ reasons: Reasons) {
        switch lv_atomic_or32(word, reasons.rawValue) {
        case Self.asleep: lv_futex_wake_all(word)
        case Self.asleep | Self.elsewhere: rouse()
        default: break
        }
    }

    /// Takes all reasons away. By the VP's thread, or while it does not sleep here.
    package func take() -> Reasons {
        lv_atomic_load32(word) == 0 ? [] : Reasons(rawValue: lv_atomic_exchange32(word, 0) & ~(Self.asleep | Self.elsewhere))
    }

    /// Runs `body`, which sleeps until `rouse` is called or until it pleases, unless there is a reason to stay awake. One thread at a time.
    package func sleep(_ body: () -> Void) {
        if lv_atomic_or32(word, Self.asleep | Self.elsewhere) == 0 { body() }
        _ = lv_atomic_and32(word, ~(Self.asleep | Self.elsewhere))
    }

    /// Sleeps while there is no reason, at most `nanoseconds` of host time (nil: for ever); false when the time is up. One thread at a time.
    package func wait(nanoseconds: Int64?) -> Bool {
        while reasons.isEmpty {
            guard lv_atomic_or32(word, Self.asleep) & ~Self.asleep == 0 else { break }
            let isOver = lv_futex_wait(word, Self.asleep, nanoseconds.map { max($0, 0) } ?? -1) != 0
            if isOver || nanoseconds != nil { break }
        }
        let reasons = take()
        if !reasons.isEmpty { lv_atomic_or32(word, reasons.rawValue) }
        return !reasons.isEmpty
    }
}

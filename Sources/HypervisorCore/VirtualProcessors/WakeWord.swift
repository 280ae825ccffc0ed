import CHost

/// The word a VP's thread sleeps on while the VP is idle: posting sets a bit and wakes it, running takes the bits.
///
/// A bit that is set between "nothing to do" and the sleep keeps the thread awake, so no wake-up is lost.
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

    // Safety: one element, valid from init to deinit.
    private let word: UnsafeMutablePointer<UInt32>

    package init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    package var reasons: Reasons { Reasons(rawValue: lv_atomic_load32(word)) }

    /// Adds reasons and wakes the sleeper, if any.
    package func post(_ reasons: Reasons) {
        if lv_atomic_or32(word, reasons.rawValue) == 0 { lv_futex_wake_all(word) }
    }

    /// Takes all reasons away.
    package func take() -> Reasons {
        lv_atomic_load32(word) == 0 ? [] : Reasons(rawValue: lv_atomic_exchange32(word, 0))
    }

    /// Sleeps while there is no reason, at most `nanoseconds` of host time (nil: for ever); false when the time is up.
    package func wait(nanoseconds: Int64?) -> Bool {
        while reasons.isEmpty {
            if lv_futex_wait(word, 0, nanoseconds.map { max($0, 0) } ?? -1) != 0 { return !reasons.isEmpty }
            if nanoseconds != nil { return !reasons.isEmpty }
        }
        return true
    }
}

/// The local APIC's timer (SDM vol. 3, 11.5.4): counts down at `timerFrequency` divided by the divide register.
extension LocalAPIC {
    /// A periodic timer fires no more often than this, in nanoseconds: a guest must not keep the host busy.
    static let shortestPeriod: UInt64 = 20_000

    private var isPeriodic: Bool { localVector(.timer) & 1 << 17 != 0 }

    /// Nanoseconds of one count.
    private var nanosecondsPerCount: UInt64 {
        let field = words[Word.divide]
        let exponent = (field & 3 | (field >> 1 & 4)) + 1
        return Self.nanosecondsPerTick * (exponent == 8 ? 1 : 1 << exponent)
    }

    var currentCount: UInt32 {
        let now = clock.nanoseconds
        let unit = nanosecondsPerCount
        return timer.withLock { state in
            guard let due = state.due, due > now else { return 0 }
            return UInt32(truncatingIfNeeded: min((due - now - 1) / unit + 1, UInt64(state.initialCount)))
        }
    }

    func setInitialCount(_ count: UInt32) {
        let now = clock.nanoseconds
        let unit = nanosecondsPerCount
        timer.withLock { state in
            state.initialCount = count
            state.start = now
            state.due = count == 0 ? nil : now &+ UInt64(count) * unit
            state.generation &+= 1
        }
        rearm()
    }

    /// The count that is left goes on at the new rate.
    func setDivide(_ value: UInt64) {
        let left = UInt64(currentCount)
        words[Word.divide] = value
        let now = clock.nanoseconds
        let unit = nanosecondsPerCount
        timer.withLock { state in
            guard state.due != nil else { return }
            state.due = now &+ left * unit
            state.generation &+= 1
        }
        rearm()
    }

    func stopTimer() {
        timer.withLock { state in
            let generation = state.generation
            state = Timer()
            state.generation = generation &+ 1
        }
        rearm()
    }

    /// The alarm's action; on whatever thread the timer service fires it.
    func timerExpired() {
        let now = clock.nanoseconds
        let unit = nanosecondsPerCount
        let periodic = isPeriodic
        let expired = timer.withLock { state in
            guard let due = state.due, due <= now else { return false }
            let period = max(UInt64(state.initialCount) * unit, Self.shortestPeriod)
            if periodic {
                // Whole periods that went by unseen are skipped; the phase stays.
                state.start = due &+ (now - due) / period * period
                state.due = state.start &+ period
            } else {
                state.due = nil
            }
            state.generation &+= 1
            return true
        }
        let entry = localVector(.timer)
        if expired, entry & Self.masked == 0 { accept(vector: UInt8(entry & 0xff)) }
        rearm()
    }
}

import DeviceModel
import Synchronization

/// What the synthetic timers ask of their VP.
package protocol SyntheticTimerHost: AnyObject {
    /// Direct mode: an edge-triggered interrupt; any thread.
    func requestInterrupt(vector: UInt8)
    /// Message mode: a timer-expired message for a source; any thread. `due` is in 100 ns.
    func timerExpired(_ number: Int, source: Int, due: UInt64)
}

/// The four synthetic timers of one VP (TLFS 12.4): one-shot or periodic, by message or (direct mode) by interrupt.
///
/// Counts are reference time, 100 ns. A timer never fires early. Periodic timers that fall behind catch up one firing at a time for at most
/// sixteen periods; lazy ones skip what they missed. No timer fires again sooner than 20 µs after its last expiration.
package final class SyntheticTimers: @unchecked Sendable {
    package static let count = 4
    static let catchUpLimit: UInt64 = 16
    static let shortestInterval: UInt64 = 20_000

    enum Config {
        static let enabled: UInt64 = 1, periodic: UInt64 = 2, lazy: UInt64 = 4, autoEnable: UInt64 = 8, direct: UInt64 = 1 << 12
        static let reserved: UInt64 = ~0xf_1fff
        static func vector(_ value: UInt64) -> UInt8 { UInt8(value >> 4 & 0xff) }
        static func source(_ value: UInt64) -> Int { Int(value >> 16 & 15) }
    }
    struct Timer: Codable, Equatable, Sendable {
        var config: UInt64 = 0
        var count: UInt64 = 0
        /// Partition time in nanoseconds; nil: not running.
        var due: UInt64?
        /// Counts changes, so that the last one is the one armed; not state.
        var generation: UInt64 = 0
    }

    package let unitName: String
    let timers = Mutex([Timer](repeating: Timer(), count: SyntheticTimers.count))
    private let clock: any PartitionClock
    private let host: any SyntheticTimerHost
    private var alarms: [any PartitionTimer] = []

    package init(processor: Int, timers service: any TimerService, host: any SyntheticTimerHost) {
        self.host = host
        clock = service.clock
        unitName = "vp.\(processor).timers"
        alarms = (0..<Self.count).map { number in
            service.makeTimer(name: "vp.\(processor).stimer\(number)") { [weak self] in self?.expire(number) }
        }
    }

    package func reset() {
        for number in 0..<Self.count { change(number) { $0 = Timer(generation: $0.generation) } }
    }

    // MARK: Registers. nil and false: #GP

    func readMSR(_ index: UInt32) -> UInt64? {
        guard let number = Self.number(of: index) else { return nil }
        let timer = timers.withLock { $0[number] }
        return index & 1 == 0 ? timer.config : timer.count
    }

    func writeMSR(_ index: UInt32, _ value: UInt64) -> Bool {
        guard let number = Self.number(of: index) else { return false }
        let now = clock.nanoseconds
        if index & 1 == 0 {
            guard value & Config.reserved == 0 else { return false }
            change(number) { timer in
                timer.config = value
                // A message needs a source; source 0 belongs to the hypervisor.
                if value & Config.direct == 0, Config.source(value) == 0 { timer.config &= ~Config.enabled }
                timer.due = Self.firstDue(timer, now: now)
            }
        } else {
            change(number) { timer in
                timer.count = value
                if value == 0 {
                    timer.config &= ~Config.enabled
                } else if timer.config & Config.autoEnable != 0 {
                    let canSignal = timer.config & Config.direct != 0 || Config.source(timer.config) != 0
                    if canSignal { timer.config |= Config.enabled }
                }
                timer.due = Self.firstDue(timer, now: now)
            }
        }
        return true
    }

    private static func number(of index: UInt32) -> Int? {
        guard index >= SyntheticMSR.timer0Config, index <= SyntheticMSR.timer3Count else { return nil }
        return Int(index - SyntheticMSR.timer0Config) / 2
    }

    private static func firstDue(_ timer: Timer, now: UInt64) -> UInt64? {
        guard timer.config & Config.enabled != 0, timer.count != 0 else { return nil }
        let (span, overflow) = timer.count.multipliedReportingOverflow(by: 100)
        guard timer.config & Config.periodic != 0 else { return overflow ? .max : span }
        let (due, wrapped) = now.addingReportingOverflow(max(overflow ? .max : span, shortestInterval))
        return wrapped ? .max : due
    }

    // MARK: Running

    /// The alarm's action; on whatever thread the timer service fires it.
    private func expire(_ number: Int) {
        let now = clock.nanoseconds
        var signal: (config: UInt64, due: UInt64)?
        change(number) { timer in
            guard let due = timer.due, due <= now else { return }
            signal = (timer.config, due)
            guard timer.config & Config.periodic != 0 else {
                timer.config &= ~Config.enabled
                timer.due = nil
                return
            }
            let period = max(timer.count.multipliedReportingOverflow(by: 100).partialValue, Self.shortestInterval)
            let behind = (now - due) / period
            let skipped = timer.config & Config.lazy != 0 || behind > Self.catchUpLimit ? behind : 0
            timer.due = max(due &+ (skipped + 1) &* period, now &+ (behind > 0 ? Self.shortestInterval : 0))
        } signal: {
            guard let signal else { return }
            if signal.config & Config.direct != 0 {
                host.requestInterrupt(vector: Config.vector(signal.config))
            } else {
                host.timerExpired(number, source: Config.source(signal.config), due: signal.due / 100)
            }
        }
    }

    /// Changes a timer under the lock, signals outside it, then arms its alarm; the loop ends with the latest change armed.
    func change(_ number: Int, _ body: (inout Timer) -> Void, signal: () -> Void = {}) {
        timers.withLock { list in
            body(&list[number])
            list[number].generation &+= 1
        }
        signal()
        while true {
            let (due, generation) = timers.withLock { ($0[number].due, $0[number].generation) }
            alarms[number].arm(at: due)
            if timers.withLock({ $0[number].generation == generation }) { return }
        }
    }
}

extension SyntheticTimers: StatefulUnit {
    package struct State: Codable, Sendable, Equatable {
        package struct Timer: Codable, Sendable, Equatable {
            package var config: UInt64
            package var count: UInt64
            /// Partition time in nanoseconds.
            package var due: UInt64?
        }
        package var timers: [Timer]
    }

    package static var stateVersion: Int { 1 }

    package func saveState() -> State {
        State(timers: timers.withLock { $0 }.map { State.Timer(config: $0.config, count: $0.count, due: $0.due) })
    }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.timers.count == Self.count else { throw StateError(.inconsistent, unit: unitName, detail: "it needs four timers") }
        for (number, saved) in state.timers.enumerated() {
            change(number) { $0 = Timer(config: saved.config, count: saved.count, due: saved.due, generation: $0.generation) }
        }
    }
}

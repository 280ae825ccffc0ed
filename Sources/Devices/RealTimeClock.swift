import DeviceModel

/// Motorola MC146818 clock with 114 bytes of CMOS memory and a century byte at 0x32, as PCs have it.
///
///     port 0 index (bit 7, the NMI mask, is ignored)   port 1 data
///     0 seconds  2 minutes  4 hours  6 weekday  7 day  8 month  9 year   1, 3, 5 alarm   0x0A-0x0D registers A-D
///
/// The clock follows the machine's wall clock plus whatever the guest set it off by. Interrupts are timed in partition time; the
/// update flags become true lazily when no interrupt is asked for, so that an idle clock costs nothing.
package final class RealTimeClock: PortDevice, StatefulUnit {
    package static let portCount: UInt16 = 2

    package struct State: Codable, Sendable {
        var index: UInt8 = 0
        /// Registers A, B and C, and the memory (with the alarm bytes) by index.
        var a: UInt8 = RegisterA.normal, b: UInt8 = RegisterB.hours24, c: UInt8 = 0
        var memory = [UInt8](repeating: 0, count: 128)
        /// Seconds to add to the wall clock.
        var offset: Int64 = 0
        /// While SET is on: the time fields as the guest writes them, in binary (second, minute, hour, weekday, day, month, year).
        var frozen: [Int]?
        /// Second of the last look at the update flag, and periods for the periodic flag.
        var lastSecond: Int64 = 0, lastPeriod: UInt64 = 0
    }

    private enum Index {
        static let century: UInt8 = 0x32
        static let alarms: [UInt8] = [1, 3, 5]
    }
    private enum RegisterA { static let updating: UInt8 = 0x80, normal: UInt8 = 0x26 }
    private enum RegisterB {
        static let hours24: UInt8 = 0x02, binary: UInt8 = 0x04, update: UInt8 = 0x10, alarm: UInt8 = 0x20, periodic: UInt8 = 0x40
        static let set: UInt8 = 0x80
    }
    /// Length of the update cycle that UIP announces (data sheet: 244 µs before it).
    private static let updateWindow: Int64 = 244_000
    private static let second: Int64 = 1_000_000_000

    package let unitName = "rtc"
    package static let stateVersion = 1
    private let interrupt: any InterruptLine
    private let clock: any PartitionClock
    private let wallClock: any WallClock
    private var secondTimer: (any PartitionTimer)?
    private var periodicTimer: (any PartitionTimer)?
    private var state = State()

    package init(interrupt: any InterruptLine, timers: any TimerService, wallClock: any WallClock) {
        (self.interrupt, clock, self.wallClock) = (interrupt, timers.clock, wallClock)
        secondTimer = timers.makeTimer(name: "rtc.second") { [unowned self] in secondPassed() }
        periodicTimer = timers.makeTimer(name: "rtc.periodic") { [unowned self] in periodPassed() }
        state.lastSecond = currentSecond
    }

    // MARK: Time

    private var nanoseconds: Int64 { wallClock.unixNanoseconds }
    private var currentSecond: Int64 { nanoseconds.flooredQuotient(by: Self.second) + state.offset }
    private var isSet: Bool { state.b & RegisterB.set != 0 }

    /// Time of day and date as the registers show them, in binary.
    private var fields: [Int] { state.frozen ?? CalendarTime(unixSeconds: currentSecond).fields }

    /// Divider chain running (register A bits 4-6 = 010).
    private var isRunning: Bool { state.a & 0x70 == 0x20 }

    /// Nanoseconds between periodic interrupts; nil: none.
    private var period: UInt64? {
        let rate = state.a & 0x0f
        guard rate != 0, isRunning else { return nil }
        // Rates 1 and 2 are those of 8 and 9 (data sheet, table 5).
        let shift = rate <= 2 ? rate + 7 : rate
        return (UInt64(1) << UInt64(shift - 1)) * 1_000_000_000 / 32_768
    }

    private func secondPassed() {
        raiseUpdateFlags()
        schedule()
    }

    private func periodPassed() {
        raisePeriodicFlag()
        schedule()
    }

    private func raiseUpdateFlags() {
        let now = currentSecond
        guard now != state.lastSecond, !isSet else { return }
        // After a long gap every time of day has passed once.
        let first = max(state.lastSecond &+ 1, now - 86_400)
        if first <= now {
            state.c |= 0x10
            if (first...now).contains(where: matchesAlarm) { state.c |= 0x20 }
        }
        state.lastSecond = now
        updateInterrupt()
    }

    private func matchesAlarm(_ second: Int64) -> Bool {
        let ofDay = Int(second.flooredRemainder(by: 86_400))
        let time = [ofDay % 60, ofDay / 60 % 60, ofDay / 3600]
        return zip(Index.alarms, time).allSatisfy { index, value in
            let alarm = state.memory[Int(index)]
            return alarm >= 0xc0 || alarm == (index == 5 ? encodedHour(value) : encoded(value))
        }
    }

    private func raisePeriodicFlag() {
        guard let period else { return }
        let number = clock.nanoseconds / period
        guard number != state.lastPeriod else { return }
        state.lastPeriod = number
        state.c |= 0x40
        updateInterrupt()
    }

    private func schedule() {
        if state.b & (RegisterB.update | RegisterB.alarm) != 0, !isSet, isRunning {
            let untilNext = Self.second - nanoseconds.flooredRemainder(by: Self.second)
            secondTimer?.arm(at: clock.nanoseconds &+ UInt64(untilNext))
        } else {
            secondTimer?.arm(at: nil)
        }
        if state.b & RegisterB.periodic != 0, let period {
            periodicTimer?.arm(at: (clock.nanoseconds / period + 1) * period)
        } else {
            periodicTimer?.arm(at: nil)
        }
    }

    private func updateInterrupt() {
        let active = state.c & state.b & 0x70 != 0
        state.c = state.c & 0x7f | (active ? 0x80 : 0)
        interrupt.set(active)
    }

    // MARK: Registers

    package func readPort(_ offset: UInt16, size: Int) -> UInt32 {
        offset == 0 ? 0xff : UInt32(read(state.index))
    }

    package func writePort(_ offset: UInt16, size: Int, value: UInt32) {
        if offset == 0 {
            state.index = UInt8(truncatingIfNeeded: value) & 0x7f
            if size > 1 { write(state.index, UInt8(truncatingIfNeeded: value >> 8)) }
        } else {
            write(state.index, UInt8(truncatingIfNeeded: value))
        }
    }

    /// Position in `fields` of a time register.
    private func field(_ index: UInt8) -> Int? { [0: 0, 2: 1, 4: 2, 6: 3, 7: 4, 8: 5, 9: 6][index] }

    private func read(_ index: UInt8) -> UInt8 {
        switch index {
        case 0x0a:
            let untilNext = Self.second - nanoseconds.flooredRemainder(by: Self.second)
            return state.a | (!isSet && isRunning && untilNext <= Self.updateWindow ? RegisterA.updating : 0)
        case 0x0b: return state.b
        case 0x0c:
            raiseUpdateFlags()
            raisePeriodicFlag()
            let value = state.c
            state.c = 0
            interrupt.set(false)
            return value
        case 0x0d: return 0x80
        case Index.century: return encoded(fields[6] / 100)
        case 4: return encodedHour(fields[2])
        default:
            guard let position = field(index) else { return state.memory[Int(index)] }
            return encoded(position == 6 ? fields[6] % 100 : fields[position])
        }
    }

    private func write(_ index: UInt8, _ value: UInt8) {
        switch index {
        case 0x0a:
            state.a = value & 0x7f
            state.lastPeriod = period.map { clock.nanoseconds / $0 } ?? 0
        case 0x0b:
            raiseUpdateFlags()
            if value & RegisterB.set != 0, !isSet { state.frozen = fields }
            let ends = value & RegisterB.set == 0 && isSet
            state.b = value & RegisterB.set != 0 ? value & ~RegisterB.update : value
            if ends { takeFrozenTime() }
            updateInterrupt()
        case 0x0c, 0x0d: return
        default:
            guard index == Index.century || field(index) != nil else {
                state.memory[Int(index)] = value
                return
            }
            writeTime(index, value)
        }
        schedule()
    }

    private func writeTime(_ index: UInt8, _ value: UInt8) {
        var changed = fields
        switch index {
        case Index.century: changed[6] = decoded(value) * 100 + changed[6] % 100
        case 9: changed[6] = changed[6] / 100 * 100 + decoded(value) % 100
        case 4: changed[2] = decodedHour(value)
        default: if let position = field(index) { changed[position] = decoded(value) }
        }
        state.frozen = changed
        if !isSet { takeFrozenTime() }
    }

    /// The clock goes on from the time in the registers.
    private func takeFrozenTime() {
        guard let fields = state.frozen else { return }
        state.frozen = nil
        state.offset = CalendarTime(fields: fields).unixSeconds - nanoseconds.flooredQuotient(by: Self.second)
        state.lastSecond = currentSecond
    }

    // MARK: Number formats (register B: binary or BCD, 12 or 24 hours)

    private func encoded(_ value: Int) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        return state.b & RegisterB.binary != 0 ? value : (value / 10 % 10) << 4 | (value % 10)
    }

    private func decoded(_ value: UInt8) -> Int {
        state.b & RegisterB.binary != 0 ? Int(value) : Int(value >> 4) * 10 + Int(value & 15)
    }

    private func encodedHour(_ hour: Int) -> UInt8 {
        guard state.b & RegisterB.hours24 == 0 else { return encoded(hour) }
        return encoded((hour + 11) % 12 + 1) | (hour >= 12 ? 0x80 : 0)
    }

    private func decodedHour(_ value: UInt8) -> Int {
        guard state.b & RegisterB.hours24 == 0 else { return decoded(value) }
        return decoded(value & 0x7f) % 12 + (value & 0x80 != 0 ? 12 : 0)
    }

    // MARK: Life

    /// Hardware reset: interrupts off, time and memory kept (data sheet, RESET).
    package func reset() {
        state.b &= ~0x78
        state.c = 0
        schedule()
        updateInterrupt()
    }

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        let frozenFits = state.frozen.map { $0.count == 7 && $0.allSatisfy { (0...99_999).contains($0) } } ?? true
        guard state.memory.count == 128, state.index < 128, frozenFits,
            state.offset.magnitude < 1 << 40, state.lastSecond.magnitude < 1 << 40
        else {
            throw StateError(.inconsistent, unit: unitName, detail: "its registers or its time are out of range")
        }
        self.state = state
        schedule()
    }
}

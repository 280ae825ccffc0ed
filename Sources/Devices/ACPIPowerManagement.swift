import DeviceModel

/// ACPI fixed hardware (ACPI 6.4, 4.8): PM1a event and control blocks, the power management timer and a block of general-purpose events.
///
///     0 PM1 status (16)   2 PM1 enable (16)   4 PM1 control (16)   8 PM timer (32)   12 GPE0 status (8)   13 GPE0 enable (8)
///
/// There are no buttons and no SMI: the machine is in ACPI mode from the start. Of the sleeping states only S5 (type 5) exists.
package final class ACPIPowerManagement: PortDevice, StatefulUnit {
    /// Ports it takes.
    package static let portCount: UInt16 = 14
    package static let eventOffset: UInt16 = 0, controlOffset: UInt16 = 4, timerOffset: UInt16 = 8, generalOffset: UInt16 = 12
    /// SLP_TYP of `\_S5`.
    package static let softOff: UInt8 = 5
    /// Hertz of the power management timer.
    package static let timerFrequency: UInt64 = 3_579_545

    package struct State: Codable, Sendable {
        var status: UInt16 = 0, enable: UInt16 = 0, control: UInt16 = Control.sciEnable
        /// Half periods of the timer's top bit when its status bit was last brought up to date.
        var halfPeriods: UInt64 = 0
        /// General-purpose events; absent: 0, as in states from before there were any.
        var generalStatus: UInt8?, generalEnable: UInt8?
    }

    /// General-purpose events, by the numbers of their bits.
    package enum GeneralEvent: UInt8 {
        case generationChanged = 0
        fileprivate static let implemented: UInt8 = 1
    }

    /// The global lock and clock bits can be enabled, as ACPICA checks, but nothing raises them: there is no SMI, and no sleeping state
    /// that a clock could end.
    private enum Event { static let timer: UInt16 = 1, implemented: UInt16 = 1 | 1 << 5 | 1 << 10 }
    private enum Control { static let sciEnable: UInt16 = 1, sleepEnable: UInt16 = 1 << 13 }

    package let unitName = "acpi.pm"
    package static let stateVersion = 1
    private let interrupt: any InterruptLine
    private let clock: any PartitionClock
    private let powerOff: () -> Void
    private var overflow: (any PartitionTimer)?
    private var state = State()

    /// `powerOff` is called under the machine lock, on the VP's thread.
    package init(interrupt: any InterruptLine, timers: any TimerService, powerOff: @escaping () -> Void) {
        (self.interrupt, clock, self.powerOff) = (interrupt, timers.clock, powerOff)
        overflow = timers.makeTimer(name: "acpi.pm") { [unowned self] in
            noticeOverflow()
            schedule()
        }
    }

    // MARK: The timer

    private var ticks: UInt64 {
        let (high, low) = clock.nanoseconds.multipliedFullWidth(by: Self.timerFrequency)
        return UInt64(1_000_000_000).dividingFullWidthLossless(high, low)
    }

    /// TMR_STS is set whenever bit 31 changes.
    private func noticeOverflow() {
        let halfPeriods = ticks >> 31
        if halfPeriods != state.halfPeriods {
            state.halfPeriods = halfPeriods
            state.status |= Event.timer
        }
        updateInterrupt()
    }

    private func schedule() {
        guard state.enable & Event.timer != 0 else {
            overflow?.arm(at: nil)
            return
        }
        let (high, low) = (((ticks >> 31) + 1) << 31).multipliedFullWidth(by: 1_000_000_000)
        overflow?.arm(at: Self.timerFrequency.dividingFullWidthLossless(high, low) + 1)
    }

    private var pendingGeneralEvents: UInt8 { (state.generalStatus ?? 0) & (state.generalEnable ?? 0) }

    private func updateInterrupt() { interrupt.set(state.status & state.enable != 0 || pendingGeneralEvents != 0) }

    /// Tells the guest, by the system control interrupt, as soon as it has enabled the event. Precondition: the machine lock is held.
    package func raise(_ event: GeneralEvent) {
        state.generalStatus = (state.generalStatus ?? 0) | 1 << event.rawValue
        updateInterrupt()
    }

    // MARK: Registers

    package func readPort(_ offset: UInt16, size: Int) -> UInt32 {
        if offset == Self.timerOffset, size == 4 { return UInt32(truncatingIfNeeded: ticks) }
        noticeOverflow()
        return (0..<UInt16(size)).reduce(0) { $0 | UInt32(byte(offset &+ $1)) << (8 * UInt32($1)) }
    }

    private func byte(_ offset: UInt16) -> UInt8 {
        let word: UInt16 =
            switch offset & ~1 {
            case 0: state.status
            case 2: state.enable
            case 4: state.control
            case 8: UInt16(truncatingIfNeeded: ticks)
            case 10: UInt16(truncatingIfNeeded: ticks >> 16)
            case Self.generalOffset: UInt16(state.generalStatus ?? 0) | UInt16(state.generalEnable ?? 0) << 8
            default: 0
            }
        return UInt8(truncatingIfNeeded: offset & 1 == 0 ? word : word >> 8)
    }

    package func writePort(_ offset: UInt16, size: Int, value: UInt32) {
        for position in 0..<UInt16(size) {
            write(offset &+ position, UInt8(truncatingIfNeeded: value >> (8 * UInt32(position))))
        }
        noticeOverflow()
        schedule()
    }

    private func write(_ offset: UInt16, _ byte: UInt8) {
        let shift = (offset & 1) * 8
        let value = UInt16(byte) << shift
        let keep = ~(UInt16(0xff) << shift)
        switch offset & ~1 {
        case Self.generalOffset where shift == 0: state.generalStatus = (state.generalStatus ?? 0) & ~byte
        case Self.generalOffset: state.generalEnable = byte & GeneralEvent.implemented
        case 0: state.status &= ~value
        case 2: state.enable = (state.enable & keep | value) & Event.implemented
        case 4:
            let control = state.control & keep | value
            state.control = control & ~Control.sleepEnable | Control.sciEnable
            if control & Control.sleepEnable != 0, (control >> 10) & 7 == UInt16(Self.softOff) { powerOff() }
        default: break
        }
    }

    // MARK: Life

    package func reset() {
        state = State()
        state.halfPeriods = ticks >> 31
        schedule()
        updateInterrupt()
    }

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        self.state = state
        schedule()
    }
}

extension UInt64 {
    /// (high · 2⁶⁴ + low) / self, saturating instead of trapping.
    fileprivate func dividingFullWidthLossless(_ high: UInt64, _ low: UInt64) -> UInt64 {
        high < self ? dividingFullWidth((high, low)).quotient : .max
    }
}

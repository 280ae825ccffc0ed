import DeviceModel
import Synchronization

/// What a local APIC asks of the machine around it; the VP fulfils it.
package protocol LocalAPICHost: AnyObject {
    /// Something was posted and the VP must look; from any thread.
    func interruptPosted()
    /// Carries a command to the APICs it names.
    func send(_ command: InterruptCommand, from apic: LocalAPIC)
    /// The guest acknowledged `vector`.
    func interruptEnded(vector: UInt8, isLevel: Bool)
}

/// The local APIC of one VP, in xAPIC and x2APIC mode (SDM vol. 3, chapter 11; AMD APM vol. 2, chapter 16).
///
/// Registers are written by the VP's thread only and read by all; IRR, TMR and the request bits are atomics that any thread may set.
/// Departures: the registers stay at 0xFEE00000 (the TLFS allows it), no SMI, no TSC-deadline mode, no ExtINT (there is no 8259),
/// no end-of-interrupt suppression, arbitration is not modelled.
package final class LocalAPIC: @unchecked Sendable {
    /// Guest-physical address of the register page in xAPIC mode.
    package static let baseAddress: UInt64 = 0xfee0_0000
    /// Input clock of the timer, before the divider: what MSR 0x40000023 tells.
    package static let timerFrequency: UInt64 = 200_000_000
    static let nanosecondsPerTick = 1_000_000_000 / timerFrequency

    /// Indices into `words`.
    enum Word {
        static let base = 0, taskPriority = 1, spurious = 2, logicalDestination = 3, destinationFormat = 4, command = 5
        /// Timer, thermal, performance, LINT0, LINT1, error.
        static let localVectors = 6
        static let divide = 12, errors = 13, pendingErrors = 14, requests = 15
        static let requested = 16, triggerMode = 20, inService = 24, autoEOI = 28
        static let count = 32
    }
    enum LocalVector: Int, CaseIterable {
        case timer, thermal, performance, lint0, lint1, error
        /// Bits a guest can write.
        var writable: UInt64 {
            switch self {
            case .timer: 0x3_00ff
            case .thermal, .performance: 0x1_07ff
            case .lint0, .lint1: 0x1_a7ff
            case .error: 0x1_00ff
            }
        }
    }
    /// Bits of the request word.
    enum Request {
        static let nonMaskable: UInt64 = 1, initialise: UInt64 = 2, startUp: UInt64 = 4
        static let startUpVector: UInt64 = 8
    }
    enum Base {
        static let bootstrap: UInt64 = 1 << 8, x2APIC: UInt64 = 1 << 10, enabled: UInt64 = 1 << 11
    }
    static let masked: UInt64 = 1 << 16

    /// APIC id: the VP's number.
    package let id: UInt32
    package let unitName: String
    let words = AtomicWords(count: Word.count)
    let host: any LocalAPICHost
    let clock: any PartitionClock

    /// The count-down timer in partition time.
    struct Timer {
        var initialCount: UInt32 = 0
        /// Start of the running period and its end; nil: stopped.
        var start: UInt64 = 0
        var due: UInt64?
        /// Counts changes, so that the last one is the one armed (`rearm`).
        var generation: UInt64 = 0
    }
    let timer = Mutex(Timer())
    private var alarm: (any PartitionTimer)?

    package init(id: UInt32, timers: any TimerService, host: any LocalAPICHost) {
        self.id = id
        self.host = host
        clock = timers.clock
        unitName = "vp.\(id).apic"
        alarm = timers.makeTimer(name: unitName) { [weak self] in self?.timerExpired() }
        reset()
    }

    // MARK: State that others read

    package var isEnabled: Bool { words[Word.base] & Base.enabled != 0 }
    package var isX2APIC: Bool { words[Word.base] & Base.x2APIC != 0 }
    var isSoftwareEnabled: Bool { words[Word.spurious] & 1 << 8 != 0 }
    var isBootstrap: Bool { id == 0 }
    package var taskPriority: UInt8 { UInt8(truncatingIfNeeded: words[Word.taskPriority]) }

    func localVector(_ vector: LocalVector) -> UInt64 { words[Word.localVectors + vector.rawValue] }

    // MARK: Reset

    /// Power-up state (SDM vol. 3, 11.4.7.1).
    package func reset() {
        words[Word.base] = Self.baseAddress | Base.enabled | (isBootstrap ? Base.bootstrap : 0)
        words[Word.requests] = 0
        initialise()
    }

    /// INIT: as power-up, but the base register and with it the mode stay, and so do requests that came since.
    func initialise() {
        for index in Word.taskPriority..<Word.count where index != Word.requests { words[index] = 0 }
        words[Word.spurious] = 0xff
        words[Word.destinationFormat] = 0xffff_ffff
        for vector in LocalVector.allCases { words[Word.localVectors + vector.rawValue] = Self.masked }
        if isX2APIC { words[Word.logicalDestination] = UInt64(wideLogicalDestination) }
        stopTimer()
    }

    /// The logical id in x2APIC mode: cluster and one bit.
    var wideLogicalDestination: UInt32 { (id >> 4) << 16 | 1 << (id & 15) }

    /// The base register (MSR 0x1B). false: #GP.
    func writeBase(_ value: UInt64) -> Bool {
        let old = words[Word.base]
        guard value & ~(Base.bootstrap | Base.x2APIC | Base.enabled) == Self.baseAddress else { return false }
        let isOn = value & Base.enabled != 0
        let isWide = value & Base.x2APIC != 0
        let wasOn = old & Base.enabled != 0
        let wasWide = old & Base.x2APIC != 0
        // Transitions of SDM vol. 3, figure 11-27: x2APIC is entered from xAPIC and left for disabled only.
        if isWide, !isOn || !wasOn { return false }
        if wasWide, isOn, !isWide { return false }
        words[Word.base] = value & ~Base.bootstrap | old & Base.bootstrap
        if wasOn, !isOn {
            initialise()
        } else if isWide, !wasWide {
            words[Word.logicalDestination] = UInt64(wideLogicalDestination)
            words[Word.command] &= 0xffff_ffff
        }
        return true
    }

    // MARK: Arming

    /// Arms the alarm for the timer's end. Two threads may come here at once; the loop ends with the latest change armed.
    func rearm() {
        while true {
            let (due, generation) = timer.withLock { ($0.due, $0.generation) }
            alarm?.arm(at: due)
            if timer.withLock({ $0.generation == generation }) { return }
        }
    }
}

import DeviceModel
import Processor

/// A virtual processor: an engine, a local APIC, a SynIC with four timers, and the registers the engine does not keep.
///
/// One thread runs it (`runSlice`) and writes its state; other threads post interrupts, kick it and read the published figures.
package final class VirtualProcessor: @unchecked Sendable {
    package enum RunState: String, Codable, Sendable, CaseIterable {
        case running = "Running"
        case halted = "Halted"
        case waitForSIPI = "WaitForSipi"
        case guestIdle = "GuestIdle"

        /// A number for the word that other threads read.
        var code: UInt64 {
            switch self {
            case .running: 0
            case .halted: 1
            case .waitForSIPI: 2
            case .guestIdle: 3
            }
        }
        init(code: UInt64) {
            switch code {
            case 0: self = .running
            case 1: self = .halted
            case 2: self = .waitForSIPI
            default: self = .guestIdle
            }
        }
    }

    package let index: Int
    unowned let partition: Partition
    let machine: Partition.Machine
    let clock: any PartitionClock
    package let apic: LocalAPIC
    package let synic: SyntheticInterruptController
    package let timers: SyntheticTimers
    package let wake = WakeWord()
    let assistPage: OverlayPage

    private(set) var attachedEngine: (any ProcessorEngine)?
    private let link = ProcessorLink()

    // Written by the VP's thread only.
    var registers = ProcessorRegisters()
    /// An NMI that waits for its turn.
    var hasPendingNMI = false
    /// Ends the guest-idle state that no interrupt ends; armed while it lasts.
    private let idleLimit: any PartitionTimer
    private var isIdleLimited = false
    /// What ends the slice after this instruction.
    var requestedOutcome: SliceOutcome?
    /// Partition time at which the slice began; nil outside slices.
    var sliceStart: UInt64?

    /// Published for other threads.
    private let published = AtomicWords(count: 3)
    private enum Published { static let runTime = 0, runState = 1, instructionsRetired = 2 }
    let interceptCounts = AtomicWords(count: InterceptKind.allCases.count)

    init(index: Int, partition: Partition, machine: Partition.Machine) {
        self.index = index
        self.partition = partition
        self.machine = machine
        let service = machine.configuration.timers
        clock = service.clock
        apic = LocalAPIC(id: UInt32(index), timers: service, host: link)
        synic = SyntheticInterruptController(processor: index, host: link)
        timers = SyntheticTimers(processor: index, timers: service, host: link)
        assistPage = OverlayPage(.vpAssist, processor: index, isGuestWritable: true)
        idleLimit = service.makeTimer(name: "vp.\(index).idle") { [link] in link.interruptPosted() }
        link.processor = self
        presetMemoryTops()
        runState = index == 0 ? .running : .waitForSIPI
    }

    /// Makes the engine; before anything else is asked of the VP.
    func attachEngine() throws {
        let engine = try machine.configuration.makeEngine(self, machine.gpaSpace, index)
        attachedEngine = engine
        engine.initialise(bootstrap: index == 0)
    }

    /// The CPU engine. On the VP's thread, or while the VP stands still.
    package var engine: any ProcessorEngine {
        guard let attachedEngine else { preconditionFailure("a VP joins its partition only after attachEngine") }
        return attachedEngine
    }

    package var runState: RunState {
        get { RunState(code: published[Published.runState]) }
        set { published[Published.runState] = newValue.code }
    }

    /// Exact; on the VP's thread, or while the VP stands still.
    package var instructionsRetired: UInt64 { engine.instructionsRetired }

    /// Partition time this VP ran, in nanoseconds, as of its last slice; any thread.
    package var runTime: UInt64 { published[Published.runTime] }

    /// Adds a slice to the published figures.
    func publishSlice(nanoseconds: UInt64) {
        published.addAsOnlyWriter(Published.runTime, nanoseconds)
        published[Published.instructionsRetired] = engine.instructionsRetired
    }

    func restoreRunTime(_ nanoseconds: UInt64) {
        published[Published.runTime] = nanoseconds
        published[Published.instructionsRetired] = engine.instructionsRetired
    }

    /// Multiples of partition time, in ns, at which the guest-idle state ends.
    private static let idlePeriod: UInt64 = 10_000_000

    /// The guest-idle state begins, or is restored. It lasts for a time of the hypervisor's choice at most (TLFS 10.1.4): what would end it
    /// may have been sent before the VP's APIC took interrupts, as to a starting VP of Linux that waits for a lock.
    func beginGuestIdle() {
        runState = .guestIdle
        isIdleLimited = true
        idleLimit.arm(at: (clock.nanoseconds / Self.idlePeriod + 1) * Self.idlePeriod)
    }

    /// True when its time is over.
    var hasIdledEnough: Bool { idleLimit.deadline == nil }

    /// After anything that may have ended the guest-idle state.
    func settleGuestIdle() {
        guard isIdleLimited, runState != .guestIdle else { return }
        isIdleLimited = false
        idleLimit.arm(at: nil)
    }

    /// Partition reference time in 100 ns.
    var referenceTime: UInt64 { clock.nanoseconds / 100 }

    func count(_ kind: InterceptKind) { interceptCounts.addAsOnlyWriter(kind.index, 1) }

    /// RAM's ends below and above 4 GiB, as firmware would leave them.
    private func presetMemoryTops() {
        let memory = machine.configuration.memory
        registers.plain.preset(PlainMSRs.topOfMemory, memory.lowSize)
        registers.plain.preset(PlainMSRs.topOfMemory2, memory.highSize > 0 ? memory.endAddress : 0)
    }

    /// Power-up state; the VP stands still.
    func reset() {
        registers = ProcessorRegisters()
        presetMemoryTops()
        (hasPendingNMI, requestedOutcome) = (false, nil)
        assistPage.clear()
        _ = machine.gpaSpace.place(assistPage, at: nil)
        timers.reset()
        synic.reset()
        apic.reset()
        engine.initialise(bootstrap: index == 0)
        runState = index == 0 ? .running : .waitForSIPI
        settleGuestIdle()
        _ = wake.take()
    }

    /// A snapshot for views; `registers` only while the VP stands still.
    package func information(registers wantsRegisters: Bool = false) -> VirtualProcessorInformation {
        VirtualProcessorInformation(
            index: index, apicID: apic.id, runState: runState,
            instructionsRetired: wantsRegisters ? engine.instructionsRetired : published[Published.instructionsRetired],
            runTimeNanoseconds: runTime, registers: wantsRegisters ? engine.state : nil,
            counters: wantsRegisters ? engine.counters : nil)
    }
}

/// The registers of a VP that neither engine, APIC, SynIC nor timers keep.
struct ProcessorRegisters: Codable, Equatable, Sendable {
    /// What the guest's writes of the TSC added to partition time.
    var timestampOffset: UInt64 = 0
    /// MSR 0x40000073.
    var assistPage: UInt64 = 0
    var plain = PlainMSRs()
}

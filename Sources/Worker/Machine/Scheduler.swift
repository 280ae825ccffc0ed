import DeviceModel
import HypervisorCore

/// Runs a machine's virtual processors in one of the two time modes. Calls come from one thread at a time (the machine's verbs).
protocol Scheduler: AnyObject {
    /// Lets clock, timers and VPs go on.
    func run()
    /// Stops them all; returns when every VP stands at an instruction boundary and no timer acts, or when the host's monotonic clock shows
    /// `deadline`: then it says what still moves, for a message. All are told to stand still until `run` in either case.
    func stop(by deadline: UInt64) -> String?
    /// From a VP's own thread, inside an intercept or after a slice: nothing of the guest goes on after this instruction until `run`.
    func freeze()
    /// Runs `body` where nothing else touches devices: input from outside. `count` is the count at which it entered (Exact mode).
    func perform(_ body: @escaping (_ count: UInt64?) -> Void)
    /// Ends the threads. Precondition: stopped.
    func close()

    /// Instructions retired by all VPs since the machine was made (kept over save and restore).
    var instructions: UInt64 { get }
    /// Host processor time the VP threads used, in nanoseconds.
    var processorTime: UInt64 { get }
    /// Where it stands, for saved state. Precondition: stopped.
    var position: SchedulerPosition { get set }
    /// A reset or restore changed the VPs. Precondition: stopped.
    func processorsChanged()
}

/// A machine's timers, in either time mode.
protocol MachineTimers: TimerService {
    /// Timers that somebody holds.
    var count: Int { get }
}

/// What must be kept of a scheduler so that a restored machine goes on just as the saved one would have.
struct SchedulerPosition: Codable, Equatable, Sendable {
    var instructions: UInt64 = 0
    /// Exact mode: the idle time jumped over, whose turn it is, how many instructions are left of it, and who waits for an event.
    var idleTime: UInt64 = 0, current = 0, quantumLeft: UInt64 = 0, idle: [Bool] = []
}

/// What a guest did that only the machine can act on. Sent from a VP's thread, which stands still afterwards.
enum GuestRequest: Equatable, Sendable {
    case reset(String)
    case powerOff
    case tripleFault(processor: Int)
    case unsupported(String, processor: Int)
    /// A guest program's exit code.
    case exit(UInt32)
    /// The host has no room for what the guest writes to a disk.
    case diskFull(String)
}

/// Who takes the requests; the machine.
protocol SchedulerClient: AnyObject {
    func scheduler(received request: GuestRequest)
    /// All VPs are halted with interrupts off.
    func schedulerFoundDeadlyHalt()
    /// Exact mode: the count that was asked for is reached and the VPs stand still.
    func schedulerReachedCount()
}

extension VirtualProcessor {
    /// Halted with interrupts off: only an NMI, INIT or a reset could wake it.
    var isDeadlyHalted: Bool { runState == .halted && !engine.canAcceptInterrupt }
}

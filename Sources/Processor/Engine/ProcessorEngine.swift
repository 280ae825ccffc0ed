/// A CPU engine: executes one virtual processor's instructions and knows nothing of Hyper-V.
///
/// Interpreter, translator and KVM fulfil it. All calls but `kick()` and the invalidations happen on the VP's own thread,
/// between two `run` calls or from inside an intercept.
package protocol ProcessorEngine: AnyObject {
    /// The architectural state, complete and plain. Reading materialises lazy flags; writing drops every cache.
    var state: ProcessorState { get set }

    /// Instructions retired since the VP was created; exact at any moment, also inside an intercept
    /// (the intercepted instruction itself is not counted yet).
    var instructionsRetired: UInt64 { get }

    /// Runs until `instructionsRetired == limit`, until the guest does something that only the caller can go on from,
    /// or until `requestExit()`. Exactly `limit` is never exceeded.
    func run(until limit: UInt64) -> EngineExit

    /// Asks the running engine, from inside an intercept, to return from `run` at the next instruction boundary.
    func requestExit()

    /// Asks the engine, from any thread, to return from `run` soon (at the latest at the slice's end).
    func kick()

    /// True when a maskable interrupt may be delivered before the next instruction: IF set, no interrupt shadow.
    var canAcceptInterrupt: Bool { get }
    /// True when an NMI may be delivered before the next instruction.
    var canAcceptNMI: Bool { get }
    /// While set, `run` returns `.interruptWindow` as soon as `canAcceptInterrupt` becomes true.
    var wantsInterruptWindow: Bool { get set }
    /// Delivers an external interrupt now. Precondition: `canAcceptInterrupt`.
    func deliverInterrupt(vector: UInt8)
    /// Delivers an NMI now. Precondition: `canAcceptNMI`.
    func deliverNMI()

    /// INIT: the state of the SDM vol. 3 table 9-1 ("INIT" column); the instruction count goes on.
    func initialise(bootstrap: Bool)

    /// One general register, by its ModRM number (0 = RAX … 15 = R15).
    func generalRegister(_ number: Int) -> UInt64
    func setGeneralRegister(_ number: Int, _ value: UInt64)
    /// One 128-bit SSE register as (low, high).
    func vectorRegister(_ number: Int) -> (UInt64, UInt64)
    func setVectorRegister(_ number: Int, _ low: UInt64, _ high: UInt64)
    /// RIP, CPL, CS.L with EFER.LMA, and CR0.PE without the cost of a whole `state`.
    var instructionPointer: UInt64 { get }
    var currentPrivilegeLevel: Int { get }
    var isIn64BitMode: Bool { get }
    var isInProtectedMode: Bool { get }
    var pageTableBase: UInt64 { get }

    /// Translates a guest-virtual address with the VP's current paging, without side effects (no A/D bits, no fault).
    /// nil where the walk fails.
    func translate(virtual address: UInt64) -> UInt64?

    /// Forgets cached translations: all of them, or those of one page. May be called from another thread; returns when this VP
    /// has acknowledged or is not running guest code (machine.md, "Threads and memory").
    func flushTranslations(of page: UInt64?)

    /// Counters for people: what happened since the VP was created.
    var counters: EngineCounters { get }

    /// How often each `PrivilegedKind` was done, in the order of its cases; nil: they are not counted. May be called from another thread.
    var privilegedCounts: [UInt64]? { get }
}

extension ProcessorEngine {
    package var privilegedCounts: [UInt64]? { nil }
}

/// Why `run` returned.
package enum EngineExit: Equatable, Sendable {
    /// The instruction limit is reached.
    case limit
    /// `requestExit()` or `kick()`.
    case requested
    /// HLT was executed (and has retired); the VP waits for an event.
    case halted
    /// `wantsInterruptWindow` was set and an interrupt can be delivered now.
    case interruptWindow
    /// A fault while delivering a double fault; the VP is in shutdown.
    case tripleFault
    /// Something the engine does not do, by name, for example "task switch through a task gate". The state stands before it.
    case unsupported(String)
}

/// Counts that every engine keeps. All since the VP was created; not state.
package struct EngineCounters: Codable, Sendable, Equatable {
    package var tlbMisses: UInt64 = 0
    package var blocksDecoded: UInt64 = 0
    package var blocksInvalidated: UInt64 = 0
    package var exceptions: UInt64 = 0
    package var interrupts: UInt64 = 0
    /// Blocks turned into host code, and the bytes of code there are now.
    package var blocksTranslated: UInt64 = 0
    package var codeBytes: UInt64 = 0
    /// Times that code memory was full and all blocks went.
    package var codeResets: UInt64 = 0
    /// Bytes of decoded blocks there are now.
    package var blockBytes: UInt64 = 0
    /// How often translated code called for something, by reason: the TLB was filled; an access was left to its routine (over two pages, to a
    /// device, to decoded code); an instruction was; vector or x87 registers were brought; a jump led to code not known yet; the slice ended.
    package var fillExits: UInt64 = 0, accessExits: UInt64 = 0, instructionExits: UInt64 = 0, registerExits: UInt64 = 0
    package var jumpExits: UInt64 = 0, limitExits: UInt64 = 0
    package init() {}
}

import CHost
import DeviceModel

#if canImport(Glibc)
    import Glibc
#endif

/// The interpreting engine of one virtual processor: pre-decoded blocks of micro-ops, run by tail-threaded handlers.
///
///     run(until:) ─ slice ─ look up the block at RIP ─ header ─ handler ─ handler ─ … ─ next block's header ─ …
///                    ▲            │ not there: decode                │ rare operation: trampoline → Routine
///                    └── fault, mode change, limit, kick, SMC ───────┘
///
/// The state block `vp` is the only thing hot code touches. After the guest-physical map changed (overlays), call
/// `flushTranslations(of: nil)`.
package final class Interpreter: ProcessorEngine {
    /// The state block. Safety: allocated in `init`, freed in `deinit`; used by the VP's thread only, `slice_end` apart (VPChannel).
    package let vp: VP
    let group: EngineGroup
    let map: any GuestPhysicalMap
    let channel: VPChannel
    let userCache: TranslationCache
    let supervisorCache: TranslationCache
    var hasLargeTranslations = false
    let pages: PhysicalPageCache
    let blocks: BlockCache
    /// Turns blocks that run often into host code; nil: they are interpreted.
    let translator: Translator?
    private let region: UnsafeMutableRawPointer
    /// A word for each `PrivilegedKind`; nil: they are not counted. Safety: freed in `deinit`; written by the VP's thread, atomically.
    let privileged: UnsafeMutablePointer<UInt64>?
    /// What the interpreter's parts count; `counters` adds the translator's.
    var ownCounters = EngineCounters()
    package var counters: EngineCounters {
        var result = ownCounters
        result.blockBytes = UInt64(blocks.used)
        let exits = vp.pointee.native_exits
        (result.fillExits, result.accessExits, result.instructionExits) = (exits.0, exits.1, exits.2)
        (result.registerExits, result.jumpExits, result.limitExits) = (exits.3, exits.4, exits.5)
        return result
    }
    package var privilegedCounts: [UInt64]? {
        privileged.map { words in PrivilegedKind.allCases.indices.map { lv_atomic_load64(words + $0) } }
    }
    package var wantsInterruptWindow: Bool {
        get { vp.pointee.wants_window != 0 }
        set { vp.pointee.wants_window = newValue ? 1 : 0 }
    }
    var unsupportedReason = ""
    /// Paging-related bits of CR0, CR4 and EFER that the TLB was filled under.
    var pagingBits: UInt64 = 0
    /// CS base and limit that the jump cache was filled under, outside 64-bit mode.
    var codeBase: UInt64 = 0
    var codeLimit: UInt32 = 0

    // Safety: its owner owns the engine, and lets go of the engine first.
    private unowned(unsafe) let handler: any InterceptHandler
    private lazy var gate = InterceptGate(self)

    /// What instructions ask in their middle; each question counts this VP as not running guest code meanwhile.
    package var intercepts: any InterceptHandler { gate }

    /// `intercepts` is not kept alive by the engine (its owner usually owns the engine). The VP starts in the reset state of an
    /// application processor's INIT; set `state` for anything else. `translating`: blocks that ran `translationThreshold` times become host code,
    /// where the host lets executable memory be made (`Translation.isPossible`). `countsPrivileged`: instructions of a `PrivilegedKind` are left
    /// to their routines, and counted.
    package init(
        group: EngineGroup, map: any GuestPhysicalMap, intercepts: any InterceptHandler, translating: Bool = false,
        translationThreshold: UInt16? = nil, codeLimit: Int? = nil, usesBMI2: Bool = true,
        countsPrivileged: Bool = false
    ) throws(EngineMemoryError) {
        // What can be refused comes first.
        region = try reserveEngineMemory(bytes: StateLayout.stackSize + StateLayout.size)
        // The page below the private stack stays out of reach.
        mprotect(region, 4096, PROT_NONE)
        let place = region + StateLayout.stackSize
        let vp = place.assumingMemoryBound(to: lv_vp.self)
        vp.initialize(to: lv_vp())
        vp.pointee.native_host_mxcsr = UInt32(LV_HOST_MXCSR)
        let targets = (place + StateLayout.targets).assumingMemoryBound(to: NativeTarget.self)
        if translating {
            targets.initialize(repeating: .empty, count: StateLayout.targetCount)
            let counts = (place + StateLayout.counts).assumingMemoryBound(to: UInt64.self)
            for number in 0..<StateLayout.countCount { counts[2 * number] = UInt64(number) }
        }
        do throws(EngineMemoryError) {
            let tag = (UnsafeMutableRawPointer(vp) + Self.jumpTagOffset).assumingMemoryBound(to: UInt64.self)
            blocks = try BlockCache(pageCount: group.pageCount, tag: tag, targets: targets)
        } catch {
            munmap(region, StateLayout.stackSize + StateLayout.size)
            throw error
        }
        translator =
            translating
            ? Translator(
                threshold: translationThreshold ?? Translator.usualThreshold, codeLimit: codeLimit, usesBMI2: usesBMI2,
                countsPrivileged: countsPrivileged) : nil
        privileged = countsPrivileged ? PrivilegedKind.makeCounters() : nil
        self.vp = vp
        self.group = group
        self.map = map
        handler = intercepts
        let sliceEnd = (UnsafeMutableRawPointer(vp) + Self.sliceEndOffset).assumingMemoryBound(to: UInt64.self)
        channel = VPChannel(sliceEnd: sliceEnd, group: group)
        userCache = TranslationCache(at: place + StateLayout.userEntries)
        supervisorCache = TranslationCache(at: place + StateLayout.supervisorEntries)
        pages = PhysicalPageCache()
        vp.pointee.tlb_user = UnsafeMutableRawPointer(userCache.entries)
        vp.pointee.tlb_supervisor = UnsafeMutableRawPointer(supervisorCache.entries)
        vp.pointee.jump_cache = UnsafeMutableRawPointer(blocks.jumps)
        vp.pointee.routines = UnsafeRawPointer(countsPrivileged ? countingRoutineTable : routineTable)
        vp.pointee.engine = Unmanaged.passUnretained(self).toOpaque()
        group.add(channel)
        resetState(vp, initOnly: false, bootstrap: false)
        modeChanged(vp)
    }

    deinit {
        group.remove(channel)
        userCache.deallocate()
        supervisorCache.deallocate()
        pages.deallocate()
        blocks.deallocate()
        privileged?.deallocate()
        munmap(region, StateLayout.stackSize + StateLayout.size)
    }

    private static var sliceEndOffset: Int { MemoryLayout<lv_vp>.offset(of: \lv_vp.slice_end) ?? 0 }
    private static var jumpTagOffset: Int { MemoryLayout<lv_vp>.offset(of: \lv_vp.jump_tag) ?? 0 }

    /// The handler itself, for the gate.
    var ungatedIntercepts: any InterceptHandler { handler }

    // MARK: run control

    package var instructionsRetired: UInt64 { vp.pointee.retired }

    package func requestExit() { vp.pointee.exit_reason |= ExitReason.requested }
    package func kick() { channel.kick() }

    /// Ends the block behind the instruction being executed.
    func leaveBlock() { vp.pointee.exit_reason |= ExitReason.leaveBlock }

    /// The engine cannot go on: `run` returns `.unsupported(reason)` with the state before the current instruction.
    package func refuse(_ reason: String) -> Int32 {
        unsupportedReason = reason
        vp.pointee.exit_reason |= ExitReason.unsupported
        return RoutineResult.fault
    }

    // MARK: translations

    /// Recomputes what follows from CS, CPL and the control registers; to be called after any of them changed. Flushes the TLB when
    /// paging bits changed.
    package func modeChanged(_ vp: VP) {
        let code = segmentPointer(vp, Int(LV_CS))
        let attributes = code.pointee.attributes
        let mode: UInt32 =
            vp.pointee.efer & EFER.longModeActive != 0 && attributes & 0x2000 != 0 ? 2 : attributes & 0x4000 != 0 ? 1 : 0
        vp.pointee.mode = mode
        let user = vp.pointee.cpl == 3
        vp.pointee.tlb = user ? vp.pointee.tlb_user : vp.pointee.tlb_supervisor
        var context = UInt64(mode) | (user ? BlockContext.user : 0)
        if user, vp.pointee.rflags & RFLAGS.alignmentCheck != 0, vp.pointee.cr0 & CR0.alignmentMask != 0 { context |= BlockContext.checked }
        setContext(context)
        let paging =
            vp.pointee.cr0 & (CR0.paging | CR0.writeProtect | CR0.protectionEnable)
            | (vp.pointee.cr4 & (CR4.physicalAddressExtension | CR4.pageSizeExtension | CR4.globalPages)) &<< 32
            | (vp.pointee.efer & (EFER.longModeActive | EFER.noExecuteEnable)) &<< 45
        if paging != pagingBits {
            pagingBits = paging
            flushTranslations(keepGlobal: false)
        }
        if mode != 2, code.pointee.base != codeBase || code.pointee.limit != codeLimit {
            codeBase = code.pointee.base
            codeLimit = code.pointee.limit
            blocks.clearJumps()
        }
    }

    /// Blocks are found under this context (bits of `BlockContext`, code mode) from now on.
    func setContext(_ context: UInt64) {
        vp.pointee.context_key = context &<< 56
        blocks.enter(context: context &<< 56)
    }

    /// Own thread: forgets all translations, or all but global ones (MOV CR3).
    package func flushTranslations(keepGlobal: Bool) {
        let keep = keepGlobal && vp.pointee.cr4 & CR4.globalPages != 0
        userCache.flush(keepGlobal: keep)
        supervisorCache.flush(keepGlobal: keep)
        if !keep { hasLargeTranslations = false }
        blocks.forgetTranslations(keepGlobal: keep)
    }

    /// Own thread: forgets the translation of one page (INVLPG).
    package func flushTranslation(of page: UInt64) {
        userCache.flush(page: page, large: hasLargeTranslations)
        supervisorCache.flush(page: page, large: hasLargeTranslations)
        blocks.forgetTranslation(of: page)
    }

    package func flushTranslations(of page: UInt64?) {
        channel.post(.flush(page))
        channel.awaitAcknowledgement()
    }

    /// The backing of a physical page, through a small cache.
    @inline(__always) func physicalPage(_ address: UInt64) -> GuestPhysicalPage {
        if let page = pages.find(address) { return page }
        let page = map.page(at: address & ~0xfff)
        pages.keep(address, page)
        return page
    }

    package func translate(virtual address: UInt64) -> UInt64? {
        if vp.pointee.efer & EFER.longModeActive != 0, !isCanonical(address) { return nil }
        let result = walk(address, PageAccess(marks: false))
        return result.fault >= 0 ? nil : result.physical | address & 0xfff
    }

    /// Does what other VPs and host code asked for.
    func serveRequests() {
        let requests = channel.takeRequests()
        if requests.isEmpty { return }
        for request in requests {
            switch request {
            case .revokeWrites(let physical):
                userCache.revokeWrites(physicalPage: physical)
                supervisorCache.revokeWrites(physicalPage: physical)
            case .revokeAllWrites:
                userCache.revokeAllWrites()
                supervisorCache.revokeAllWrites()
            case .invalidateCode(let physical): ownCounters.blocksInvalidated &+= UInt64(blocks.invalidate(physicalPage: physical))
            case .flush(nil):
                pages.clear()
                flushTranslations(keepGlobal: false)
            case .flush(let page?): flushTranslation(of: page)
            }
        }
        channel.acknowledge(requests.count)
    }
}

/// Why a chain of blocks must be left at the next instruction boundary: bits of `lv_vp.exit_reason`.
enum ExitReason {
    static let requested: UInt32 = 1
    static let leaveBlock: UInt32 = 2
    static let unsupported: UInt32 = 4
    static let tripleFault: UInt32 = 8
}

/// The engine of a state block. Valid on the VP's thread while it runs.
@inline(__always)
package func interpreter(_ vp: VP) -> Interpreter {
    // Safety: `engine` is set for the life of the state block, which the engine owns.
    Unmanaged<Interpreter>.fromOpaque(vp.pointee.engine.unsafelyUnwrapped).takeUnretainedValue()
}

/// Stands between instructions and the intercept handler: while a question is answered the VP counts as not running guest code, so
/// that a handler may wait for other VPs.
private final class InterceptGate: InterceptHandler {
    // Safety: the gate is a property of its interpreter and is reached through it only.
    private unowned(unsafe) let interpreter: Interpreter
    init(_ interpreter: Interpreter) { self.interpreter = interpreter }

    func readPort(_ port: UInt16, size: Int) -> InterceptResult<UInt32> { interpreter.intercept { $0.readPort(port, size: size) } }
    func writePort(_ port: UInt16, size: Int, value: UInt32) -> InterceptResult<Void> {
        interpreter.intercept { $0.writePort(port, size: size, value: value) }
    }
    func readMemory(_ address: UInt64, size: Int) -> InterceptResult<UInt64> {
        interpreter.intercept { $0.readMemory(address, size: size) }
    }
    func writeMemory(_ address: UInt64, size: Int, value: UInt64) -> InterceptResult<Void> {
        interpreter.intercept { $0.writeMemory(address, size: size, value: value) }
    }
    func cpuid(leaf: UInt32, subleaf: UInt32) -> CPUIDResult { interpreter.intercept { $0.cpuid(leaf: leaf, subleaf: subleaf) } }
    func readMSR(_ index: UInt32) -> InterceptResult<UInt64> { interpreter.intercept { $0.readMSR(index) } }
    func writeMSR(_ index: UInt32, _ value: UInt64) -> InterceptResult<Void> { interpreter.intercept { $0.writeMSR(index, value) } }
    func readTimestampCounter() -> UInt64 { interpreter.ungatedIntercepts.readTimestampCounter() }
    func readTaskPriority() -> UInt8 { interpreter.ungatedIntercepts.readTaskPriority() }
    func writeTaskPriority(_ value: UInt8) { interpreter.intercept { $0.writeTaskPriority(value) } }
    func note(_ event: EngineNote) { interpreter.intercept { $0.note(event) } }
}

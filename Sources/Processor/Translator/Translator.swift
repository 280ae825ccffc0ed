import CHost

/// Turns a virtual processor's blocks into host code once they have run often, each with those that follow it usually (`Trace`).
///
///     header uop ── counts down ──► translate ──► its handler is `enter` ──► native code ──► native code …
///         ▲                                                                    │ no code yet, another page, limit
///         └─────────────────────── interpreter ◄───────────────────────────────┘
///
/// Blocks, their look-up and their invalidation are the interpreter's: a block has native code or has not. A jump between native blocks of a
/// page is patched; the block that dies takes the patches back. When code memory is full, all blocks are dropped at once.
///
/// Safety: code and records live as long as the translator; nothing is overwritten but by `reset()`, between blocks.
final class Translator {
    /// How often a block is interpreted before it is translated, unless told otherwise.
    static let usualThreshold: UInt16 = 24
    private let threshold: UInt16

    private let memory: CodeMemory
    private let thunks: NativeThunks
    private let start: Int
    private let stubs: UnsafeMutablePointer<NativeStub>
    private let liveFlags: UnsafeMutablePointer<Bool>
    private let hasBMI2: Bool
    private let countsPrivileged: Bool
    private static let stubCapacity = 1024
    private let enter: UnsafeRawPointer

    /// Blocks translated so far, and times that all were dropped.
    private(set) var translated: UInt64 = 0, resets: UInt64 = 0
    /// Bytes of code in use.
    var codeSize: Int { memory.used }

    /// nil: the host refuses executable memory. `codeLimit`: bytes of code to keep at most; when they are used up, all blocks go.
    /// `usesBMI2` false: as on a host's processor without it.
    init?(threshold: UInt16, codeLimit: Int?, usesBMI2: Bool, countsPrivileged: Bool) {
        guard let memory = CodeMemory(limit: codeLimit ?? CodeMemory.codeSize) else { return nil }
        self.threshold = threshold
        hasBMI2 = usesBMI2 && Translation.hasBMI2
        self.countsPrivileged = countsPrivileged
        self.memory = memory
        var assembler = Assembler(memory)
        thunks = NativeThunks(&assembler, memory)
        memory.used = (assembler.offset + 63) & ~63
        start = memory.used
        stubs = .allocate(capacity: Self.stubCapacity)
        liveFlags = .allocate(capacity: 3 * Trace.longest)
        liveFlags.initialize(repeating: false, count: 3 * Trace.longest)
        enter = UnsafeRawPointer(memory.executable + thunks.enter)
    }

    deinit {
        stubs.deallocate()
        liveFlags.deallocate()
    }

    /// Has a new block count how often it runs.
    func watch(_ block: UnsafeMutablePointer<Block>) {
        block.header.pointee.fn = unsafeBitCast(countingHeaderHandler, to: UnsafeRawPointer.self)
        block.header.pointee.operation = threshold
    }

    var hasRoom: Bool { memory.hasRoom }

    /// The blocks that are translated with one that ran often. `find`: the block at a RIP of its page, decoded if it must be.
    func trace(_ block: UnsafeMutablePointer<Block>, find: (UInt64, Bool) -> UnsafeMutablePointer<Block>?) -> Trace {
        Trace(block, threshold: threshold, find: find)
    }

    /// Blocks are translated before they run, so that those behind them are not there yet.
    var isEager: Bool { threshold == 0 }

    /// Translates a trace and has its head's header enter the code. Precondition: `hasRoom`. `bytes`: what lies at physical address
    /// `bytesBegin` and behind it, as far as the trace reaches.
    func translate(_ trace: Trace, bytes: UnsafePointer<UInt8>, bytesBegin: UInt64) {
        let block = trace.parts[0].block
        let context = (block.pointee.key ^ block.pointee.rip) &>> 56
        var translation = BlockTranslation(
            a: Assembler(memory), memory: memory, thunks: thunks, trace: trace, bytes: bytes, bytesBegin: bytesBegin,
            entries: context & BlockContext.user != 0 ? StateLayout.userEntries : StateLayout.supervisorEntries, hasBMI2: hasBMI2,
            countsPrivileged: countsPrivileged, stubs: stubs, liveFlags: liveFlags)
        let entry = translation.translate()
        memory.used = (translation.a.offset + 15) & ~15
        block.pointee.native = memory.address(entry)
        block.header.pointee.fn = enter
        translated += 1
    }

    /// Forgets all code. Precondition: no native code is being executed, and all blocks are forgotten too.
    func reset() {
        memory.reset(to: start)
        resets += 1
    }

    /// Gives the memory of forgotten code back. Precondition: `reset()`.
    func release() { memory.release(from: start) }
}

/// Header of a block that may be translated: as `blockHeaderHandler`, and counts down.
let countingHeaderHandler: Handler = { vp, op in
    let left = op.pointee.operation
    if _slowPath(left == 0) { return translateNow(vp, op) }
    UnsafeMutablePointer(mutating: op).pointee.operation = left &- 1
    return blockHeader(vp, op)
}

@inline(never) private func translateNow(_ vp: VP, _ op: UOp) -> Int32 {
    let engine = interpreter(vp)
    let rip = op.target
    if engine.translate(op.block) {
        if op.block.pointee.isAlive != 0 { return dispatch(vp, op) }
    } else {
        // Code memory is full: everything is dropped, this block too.
        engine.dropCode()
    }
    guard let header = foundBlock(vp, rip) else { return RoutineResult.fault }
    return dispatch(vp, header)
}

extension Interpreter {
    /// Translates a block, or has it interpreted for good where that cannot be; false: there is no room.
    func translate(_ block: UnsafeMutablePointer<Block>) -> Bool {
        let second = block.pointee.secondPage == Block.none ? nil : physicalPage(block.pointee.secondPage)
        let isWhole = second.map { $0.host != nil } ?? true
        guard let translator, let host = physicalPage(block.pointee.physical).host, isWhole else {
            block.header.pointee.fn = unsafeBitCast(blockHeaderHandler, to: UnsafeRawPointer.self)
            return true
        }
        guard translator.hasRoom else { return false }
        if let rest = second?.host {
            let inPage = 4096 - Int(block.pointee.physical & 0xfff)
            Self.withBytesAcross(host + Int(block.pointee.physical & 0xfff), inPage, rest) {
                translator.translate(Trace(block), bytes: $0, bytesBegin: block.pointee.physical)
            }
        } else {
            let trace = translator.trace(block) { blockBeside(block, at: $0, decoding: $1 || translator.isEager) }
            if block.pointee.isAlive == 0 { return true }
            translator.translate(trace, bytes: host.assumingMemoryBound(to: UInt8.self), bytesBegin: block.pointee.physical & ~0xfff)
        }
        ownCounters.blocksTranslated = translator.translated
        ownCounters.codeResets = translator.resets
        ownCounters.codeBytes = UInt64(translator.codeSize)
        return true
    }
}

/// Whether this host lets code be made.
package enum Translation {
    /// Executable memory can be had.
    package static let isPossible = CodeMemory() != nil
    /// The host's processor has RORX; without it each look-up of guest memory takes an instruction more.
    package static let hasBMI2 = lv_host_has_bmi2()
}

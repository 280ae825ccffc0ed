import CHost

/// What generated code calls and leaves to. Nothing here throws or keeps a reference; the state block is whole when it runs (thunks spill
/// the pinned registers before).
typealias NativeHelper = @convention(c) (VP, UnsafeMutableRawPointer) -> UInt64

/// Why native code called or left, as counted in `lv_vp.native_exits`.
enum NativeExit: Int, CaseIterable {
    /// The TLB did not serve an access and was filled.
    case fill
    /// An access was left to its routine: over two pages, to a device, to decoded code, or it faulted.
    case access
    /// An instruction without code of its own, or a case of one.
    case instruction
    /// Vector or x87 instructions wanted the host's registers.
    case registers
    /// A jump whose target had no native code, or was not known yet.
    case jump
    /// The slice ended.
    case limit

    @inline(__always) func count(_ vp: VP) {
        withUnsafeMutableBytes(of: &vp.pointee.native_exits) {
            // Safety: the raw value is below the array's length.
            $0.assumingMemoryBound(to: UInt64.self).baseAddress.unsafelyUnwrapped[rawValue] &+= 1
        }
    }
}

/// `retired` as it is before the instruction that has `remaining` instructions of its trace from itself on. The shadow of an STI that native
/// code went on behind ends with the instruction there.
@inline(__always) private func settleCount(_ vp: VP, _ remaining: UInt64) {
    vp.pointee.retired = vp.pointee.native_base &- vp.pointee.native_budget &- remaining
    if _slowPath(vp.pointee.interrupt_shadow != 0), vp.pointee.retired != vp.pointee.scratch.4 { vp.pointee.interrupt_shadow = 0 }
}

/// An access that the TLB did not serve, or an instruction without code of its own. Returns where native code goes on; 0: the chain ends
/// with `native_result`.
let nativeHelper: NativeHelper = { vp, place in
    let record = place.assumingMemoryBound(to: NativeRecord.self)
    let op = record.pointee.op
    let remaining = record.pointee.remaining
    settleFlags(vp)
    settleCount(vp, remaining)
    let start = record.pointee.header.target
    vp.pointee.block_rip = start
    vp.pointee.rip = start &+ UInt64(op.pointee.rip_offset)
    vp.pointee.next_length = UInt32(op.pointee.length)
    let kind = record.pointee.kind
    if kind & NativeRecord.vectors != 0 {
        NativeExit.registers.count(vp)
        if prepareVectors(vp, UInt32(truncatingIfNeeded: kind & 3)) { return record.pointee.retry }
    } else if kind & NativeRecord.x87 != 0 {
        NativeExit.registers.count(vp)
        if prepareX87(vp) { return record.pointee.retry }
    } else if kind & NativeRecord.bytes != 0 {
        let linear = vp.pointee.native_linear
        let bad = kind & NativeRecord.aligned != 0 && linear & 15 != 0
        if !bad, refill(vp, linear, kind & 511) {
            NativeExit.fill.count(vp)
            return record.pointee.retry
        }
        NativeExit.access.count(vp)
    } else {
        NativeExit.instruction.count(vp)
    }
    // What was in the host's x87 comes back there, unless the trace expects nothing of it.
    let wantsX87 = vp.pointee.native_x87 != 0 && kind & NativeRecord.leavesX87 == 0
    settleX87(vp)
    if _slowPath(vp.pointee.interrupt_shadow != 0) {
        // Directly behind STI: the run loop does this one.
        vp.pointee.native_result = ChainExit.limit
        return 0
    }
    let (context, tag) = (vp.pointee.context_key, vp.pointee.jump_tag)
    let routine = vp.pointee.routines.unsafelyUnwrapped.assumingMemoryBound(to: Routine.self)[Int(op.pointee.operation)]
    let result = routine(vp, op)
    if result == RoutineResult.next, vp.pointee.exit_reason == 0, vectorsStillReady(vp), kind & NativeRecord.modes == 0,
        !wantsX87 || prepareX87(vp)
    {
        vp.pointee.native_budget = vp.pointee.native_base &- vp.pointee.retired &- remaining
        return record.pointee.next
    }
    if result == RoutineResult.end, vp.pointee.context_key == context, vp.pointee.jump_tag == tag,
        op.pointee.operation != Operation.invlpg.rawValue, mayGoOn(vp), !wantsX87 || prepareX87(vp)
    {
        // CR0 and CR4 say whether vector instructions may run.
        if !changesInterrupts(op) { vp.pointee.native_vector = 0 }
        if vp.pointee.interrupt_shadow != 0 { vp.pointee.scratch.4 = vp.pointee.retired &+ 1 }
        vp.pointee.native_budget = vp.pointee.native_base &- vp.pointee.retired &- remaining
        return record.pointee.next
    }
    return leaveNative(vp, op, result)
}

@inline(never) private func leaveNative(_ vp: VP, _ op: UOp, _ result: Int32) -> UInt64 {
    vp.pointee.native_result = result
    switch result {
    case RoutineResult.fault: return 0
    case RoutineResult.next, RoutineResult.end:
        vp.pointee.retired &+= 1
        vp.pointee.rip = followingRIP(vp)
        vp.pointee.native_result = RoutineResult.end
        return 0
    default:
        vp.pointee.retired &+= 1
        // A near branch changes nothing that the run loop looks at.
        if result == RoutineResult.jump, vp.pointee.exit_reason == 0, isNearBranch(op) || changesPrivilege(op) && mayGoOn(vp),
            let code = knownCode(vp, vp.pointee.rip)
        {
            vp.pointee.native_budget = vp.pointee.native_base &- vp.pointee.retired
            return code
        }
        return 0
    }
}

// Numbers are compared: to make an `Operation` of one takes a search.

private func isNearBranch(_ op: UOp) -> Bool {
    switch op.pointee.operation {
    case Operation.ret.rawValue, Operation.retImmediate.rawValue, Operation.jmpIndirect.rawValue, Operation.callIndirect.rawValue,
        Operation.call.rawValue, Operation.jmp.rawValue, Operation.jcc.rawValue, Operation.loop.rawValue, Operation.loope.rawValue,
        Operation.loopne.rawValue, Operation.jcxz.rawValue:
        true
    default: false
    }
}

/// To another privilege and back, between 64-bit programs and kernels.
private func changesPrivilege(_ op: UOp) -> Bool {
    switch op.pointee.operation {
    case Operation.syscall.rawValue, Operation.sysret.rawValue, Operation.iret.rawValue: true
    default: false
    }
}

private func changesInterrupts(_ op: UOp) -> Bool {
    switch op.pointee.operation {
    case Operation.sti.rawValue, Operation.cli.rawValue, Operation.popf.rawValue: true
    default: false
    }
}

/// The run loop would have nothing to do but to go on. A kick changes `slice_end`: it is seen here, for the interrupt it is about comes in at
/// the first boundary that lets it, on either engine.
private func mayGoOn(_ vp: VP) -> Bool {
    vp.pointee.slice_end == vp.pointee.native_base && vp.pointee.exit_reason == 0 && vp.pointee.halted == 0 && vp.pointee.debug_hits == 0
        && vp.pointee.interrupt_shadow <= InterruptShadow.interrupts
        && vp.pointee.wants_window == 0 && !needsStepping(vp)
}

/// Native code at a RIP that the jump cache knows, remembered for the next time.
private func knownCode(_ vp: VP, _ rip: UInt64) -> UInt64? {
    guard let header = cachedBlock(vp, rip), header.block.pointee.native != 0 else { return nil }
    remember(vp, rip, header.block.pointee.native)
    return header.block.pointee.native
}

private func remember(_ vp: VP, _ rip: UInt64, _ code: UInt64) {
    let targets = (UnsafeMutableRawPointer(vp) + StateLayout.targets).assumingMemoryBound(to: NativeTarget.self)
    targets[NativeTarget.index(rip)] = NativeTarget(rip: rip, tag: vp.pointee.jump_tag, code: code, reserved: 0)
}

/// True when vector instructions may run as the host's: 1, no arithmetic among them; 2, with arithmetic under the guest's MXCSR, which has
/// every exception masked then.
private func prepareVectors(_ vp: VP, _ wanted: UInt32) -> Bool {
    guard vp.pointee.cr0 & (FloatingPointGate.closed) == 0, vp.pointee.cr4 & FloatingPointGate.fxsaveSupported != 0,
        wanted < 2 || vp.pointee.mxcsr & 0x1f80 == 0x1f80
    else { return false }
    vp.pointee.native_vector = max(wanted, vp.pointee.native_vector)
    return true
}

/// Brings the guest's x87 state into the host's; false: some exception could trap, or x87 instructions may not run.
private func prepareX87(_ vp: VP) -> Bool {
    guard vp.pointee.cr0 & FloatingPointGate.closed == 0, vp.pointee.fcw & X87Status.flags == X87Status.flags,
        vp.pointee.fsw & FloatingPointGate.errorSummary == 0
    else { return false }
    lv_x87_bring(vp)
    vp.pointee.native_x87 = 1
    return true
}

/// Takes the guest's x87 state back from the host's: to be called before anything looks at it, or uses the host's.
@inline(__always) func settleX87(_ vp: VP) {
    if _slowPath(vp.pointee.native_x87 != 0) { takeX87(vp) }
}

@inline(never) private func takeX87(_ vp: VP) {
    lv_x87_take(vp)
    vp.pointee.native_x87 = 0
    let opcode = vp.pointee.native_x87_opcode
    if opcode != 0 {
        vp.pointee.fop = UInt16(truncatingIfNeeded: opcode)
        vp.pointee.fcs = segmentPointer(vp, Int(LV_CS)).pointee.selector
        vp.pointee.native_x87_opcode = 0
    }
    let data = vp.pointee.native_x87_data
    if data != 0 {
        vp.pointee.fds = segmentPointer(vp, Int(data & 7)).pointee.selector
        vp.pointee.native_x87_data = 0
    }
}

/// After a routine: nothing changed that native code of this block relies on.
@inline(__always) private func vectorsStillReady(_ vp: VP) -> Bool {
    vp.pointee.native_vector < 2 || vp.pointee.mxcsr & 0x1f80 == 0x1f80
}

/// RFLAGS bits of the six flags, for POPF.
let nativeFlagsHelper: NativeHelper = { vp, _ in
    settleFlags(vp)
    return arithmeticFlags(vp) | 0x202
}

// MARK: leaving for a block; tail-called by thunks with the pinned registers spilled

/// A direct jump within the page that is taken first, or to a block that has no native code yet.
let nativeLinkHandler: Handler = { vp, op in
    NativeExit.jump.count(vp)
    settleFlags(vp)
    settleX87(vp)
    settleCount(vp, 0)
    let link = UnsafeMutableRawPointer(mutating: UnsafeRawPointer(op)).assumingMemoryBound(to: NativeLink.self)
    let target = link.pointee.target
    if _slowPath(vp.pointee.interrupt_shadow != 0) {
        vp.pointee.rip = target
        return RoutineResult.jump
    }
    let generation = interpreter(vp).blocks.generation
    guard let header = cachedBlock(vp, target) ?? foundBlock(vp, target) else { return RoutineResult.fault }
    let block = header.block
    if block.pointee.native != 0, block.pointee.secondPage == Block.none, interpreter(vp).blocks.generation == generation {
        link.pointee.patch(block.pointee.native)
        link.pointee.next = block.pointee.nativeIncoming
        block.pointee.nativeIncoming = link
    }
    return dispatch(vp, header)
}

/// A direct jump to another page whose target the table does not know; RIP is set.
let nativeJumpHandler: Handler = { vp, _ in
    NativeExit.jump.count(vp)
    settleFlags(vp)
    settleX87(vp)
    settleCount(vp, 0)
    let rip = vp.pointee.rip
    if _slowPath(vp.pointee.interrupt_shadow != 0) { return RoutineResult.jump }
    guard let header = cachedBlock(vp, rip) ?? foundBlock(vp, rip) else { return RoutineResult.fault }
    if header.block.pointee.native != 0 { remember(vp, rip, header.block.pointee.native) }
    return dispatch(vp, header)
}

/// The block does not fit before the slice's end; `op` is its header.
let nativeLimitHandler: Handler = { vp, op in
    NativeExit.limit.count(vp)
    settleFlags(vp)
    settleX87(vp)
    settleCount(vp, 0)
    vp.pointee.rip = op.target
    return ChainExit.limit
}

extension NativeRecord {
    /// Bytes of an access.
    static let bytes: UInt64 = 255
    /// Not an access: vector instructions are wanted, at the level of the low two bits.
    static let vectors: UInt64 = 1024
    /// Not an access: the host's x87 is wanted.
    static let x87: UInt64 = 2048
    static let modes = vectors | x87
    /// Not an access: code behind the instruction expects nothing of the host's x87.
    static let leavesX87: UInt64 = 4096
}

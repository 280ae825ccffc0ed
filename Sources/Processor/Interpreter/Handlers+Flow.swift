import CHost

/// A tail-threaded handler: does its micro-op and calls the next one's handler as its last act, which the compiler turns into a jump.
/// What it returns ends the chain: a `ChainExit`.
typealias Handler = @convention(c) (VP, UOp) -> Int32

/// Why a chain of handlers ended: `RoutineResult.fault`, `.jump`, `.again`, `.end`, or this.
enum ChainExit {
    /// The block at RIP does not fit before `slice_end`; nothing of it is done.
    static let limit: Int32 = 5
}

/// Goes to a micro-op.
@inline(__always) func dispatch(_ vp: VP, _ op: UOp) -> Int32 {
    unsafeBitCast(op.pointee.fn, to: Handler.self)(vp, op)
}

/// Goes on behind a micro-op of one slot.
@inline(__always) func advance(_ vp: VP, _ op: UOp) -> Int32 { dispatch(vp, op + 1) }

/// Header: counts the block's instructions, or leaves before them.
let blockHeaderHandler: Handler = { vp, op in blockHeader(vp, op) }

@inline(__always) func blockHeader(_ vp: VP, _ op: UOp) -> Int32 {
    let retired = vp.pointee.retired &+ UInt64(op.pointee.rip_offset)
    let rip = op.target
    if _slowPath(retired > vp.pointee.slice_end) {
        vp.pointee.rip = rip
        return ChainExit.limit
    }
    vp.pointee.retired = retired
    vp.pointee.block_rip = rip
    return advance(vp, op)
}

/// Falls through to the next block by its link.
let gotoHandler: Handler = { vp, op in dispatch(vp, (op + 1).link(0)) }

/// Leaves the chain; RIP is the exit's target.
let exitToLoopHandler: Handler = { vp, op in
    vp.pointee.rip = op.target
    return RoutineResult.jump
}

/// To another page, by the jump cache.
let exitHandler: Handler = { vp, op in jump(vp, to: op.target) }

/// Within the page: finds the block, patches the link that led here, goes on.
let exitAndLinkHandler: Handler = { vp, op in
    guard let header = linkedTarget(vp, op) else { return RoutineResult.fault }
    return dispatch(vp, header)
}

/// Goes to a RIP by the jump cache.
@inline(__always) func jump(_ vp: VP, to rip: UInt64) -> Int32 {
    if let header = cachedBlock(vp, rip) { return dispatch(vp, header) }
    return jumpMiss(vp, rip)
}

/// The header at a RIP, when the jump cache knows it.
@inline(__always) func cachedBlock(_ vp: VP, _ rip: UInt64) -> UOp? {
    let entry = vp.pointee.jump_cache.unsafelyUnwrapped.assumingMemoryBound(to: BlockCache.Jump.self) + BlockCache.jumpIndex(rip)
    let header = entry.pointee.header ^ vp.pointee.jump_tag
    return _fastPath(entry.pointee.rip == rip && header &>> 48 == 0) ? UOp(bitPattern: UInt(truncatingIfNeeded: header)) : nil
}

/// As `jump`, when the jump cache does not know the RIP. What a target that is not canonical raises comes from the look-up.
@inline(never) func jumpMiss(_ vp: VP, _ rip: UInt64) -> Int32 {
    guard let header = foundBlock(vp, rip) else { return RoutineResult.fault }
    return dispatch(vp, header)
}

/// Finds or decodes the block at a RIP; nil: a fault is recorded at that RIP, or the engine refuses.
@inline(never) func foundBlock(_ vp: VP, _ rip: UInt64) -> UOp? {
    vp.pointee.rip = rip
    let engine = interpreter(vp)
    guard let block = engine.findBlock() else { return nil }
    // Blocks of one instruction, at a slice's end, would take the place of those that run again.
    if vp.pointee.context_key &>> 56 & BlockContext.single == 0 { engine.blocks.remember(block) }
    return UOp(block.header)
}

@inline(never) private func linkedTarget(_ vp: VP, _ op: UOp) -> UOp? {
    let generation = interpreter(vp).blocks.generation
    guard let header = foundBlock(vp, op.target) else { return nil }
    let block = header.block
    guard interpreter(vp).blocks.generation == generation else { return header }
    if block.pointee.secondPage != Block.none {
        // Never linked, for its second page may come to lie elsewhere: the jump cache serves it.
        UnsafeMutablePointer(mutating: op).pointee.fn = unsafeBitCast(exitHandler, to: UnsafeRawPointer.self)
    } else {
        let number = Int(op.pointee.a)
        let slot = UnsafeMutableRawPointer(mutating: UnsafeRawPointer(op - 1 - number))
        interpreter(vp).blocks.patch((slot + number * 8).assumingMemoryBound(to: UInt64.self), to: block)
    }
    return header
}

/// The trampoline of every operation without a handler of its own: RIP and count made exact, the routine called.
let routineHandler: Handler = { vp, op in runRoutine(vp, op) }

@inline(__always) func runRoutine(_ vp: VP, _ op: UOp) -> Int32 {
    let remaining = UInt64(op.pointee.remaining)
    vp.pointee.rip = vp.pointee.block_rip &+ UInt64(op.pointee.rip_offset)
    vp.pointee.next_length = UInt32(op.pointee.length)
    vp.pointee.retired &-= remaining
    let routine = vp.pointee.routines.unsafelyUnwrapped.assumingMemoryBound(to: Routine.self)[Int(op.pointee.operation)]
    let result = routine(vp, op)
    if _fastPath(result == RoutineResult.next && vp.pointee.exit_reason == 0) {
        vp.pointee.retired &+= remaining
        return dispatch(vp, op + 1 + Int(op.pointee.flags &>> 13 & 1))
    }
    return leaveChain(vp, op, result)
}

/// As `runRoutine`, out of line: what a specialised handler jumps to when its fast path does not apply.
@inline(never) func fallBack(_ vp: VP, _ op: UOp) -> Int32 { runRoutine(vp, op) }

@inline(never) private func leaveChain(_ vp: VP, _ op: UOp, _ result: Int32) -> Int32 {
    switch result {
    case RoutineResult.fault: return RoutineResult.fault
    case RoutineResult.next, RoutineResult.end:
        vp.pointee.retired &+= 1
        vp.pointee.rip = followingRIP(vp)
        return RoutineResult.end
    default:
        vp.pointee.retired &+= 1
        return result
    }
}

/// RIP behind the instruction being executed, in the width of the instruction pointer.
@inline(__always) func followingRIP(_ vp: VP) -> UInt64 {
    let next = vp.pointee.rip &+ UInt64(vp.pointee.next_length)
    return vp.pointee.mode == 2 ? next : vp.pointee.mode == 1 ? next & 0xffff_ffff : next & 0xffff
}

import CHost

/// MOVS CMPS STOS LODS SCAS. With REP each iteration counts one instruction; a call does as many as the limit allows, at most
/// `longestRun`, and `again` leaves the rest for the next entry. Zero iterations count one, as any instruction.
private enum StringOperation { case movs, cmps, stos, lods, scas }

private let longestRun: UInt64 = 20_000

/// Registers and steps of one string instruction.
private struct StringState {
    let log2: Int
    let mask: UInt64
    let step: UInt64
    let sourceSegment: Int

    init(_ vp: VP, _ op: UOp) {
        log2 = op.log2Size
        mask = op.has(LV_UOP_ADDRESS32) ? 0xffff_ffff : op.has(LV_UOP_ADDRESS16) ? 0xffff : ~0
        let bytes = UInt64(1 &<< log2)
        step = vp.pointee.rflags & RFLAGS.direction != 0 ? 0 &- bytes : bytes
        sourceSegment = Int(op.pointee.segment)
    }

    /// RSI, RDI or RCX with the bits of the address size replaced.
    @inline(__always) func set(_ vp: VP, _ number: Int, _ value: UInt64) {
        setRegister64(vp, number, mask == 0xffff ? register64(vp, number) & ~0xffff | value & 0xffff : value & mask)
    }
    @inline(__always) func source(_ vp: VP) -> UInt64 { register64(vp, 6) & mask }
    @inline(__always) func destination(_ vp: VP) -> UInt64 { register64(vp, 7) & mask }
    @inline(__always) func advanceSource(_ vp: VP, _ count: UInt64 = 1) { set(vp, 6, source(vp) &+ step &* count) }
    @inline(__always) func advanceDestination(_ vp: VP, _ count: UInt64 = 1) { set(vp, 7, destination(vp) &+ step &* count) }
}

/// One iteration; false: a fault is recorded and no register changed.
@inline(__always)
private func iterate(_ vp: VP, _ state: StringState, _ operation: StringOperation) -> Bool {
    let bytes = 1 &<< state.log2
    let es = Int(LV_ES)
    switch operation {
    case .movs:
        guard let from = segmentAddress(vp, segment: state.sourceSegment, offset: state.source(vp), bytes: bytes, write: false),
            let value = loadSized(vp, from, log2: state.log2),
            let to = segmentAddress(vp, segment: es, offset: state.destination(vp), bytes: bytes, write: true),
            storeSized(vp, to, value, log2: state.log2)
        else { return false }
        state.advanceSource(vp)
        state.advanceDestination(vp)
    case .stos:
        guard let to = segmentAddress(vp, segment: es, offset: state.destination(vp), bytes: bytes, write: true),
            storeSized(vp, to, register64(vp, 0), log2: state.log2)
        else { return false }
        state.advanceDestination(vp)
    case .lods:
        guard let from = segmentAddress(vp, segment: state.sourceSegment, offset: state.source(vp), bytes: bytes, write: false),
            let value = loadSized(vp, from, log2: state.log2)
        else { return false }
        setRegisterSized(vp, 0, log2: state.log2, rex: true, value)
        state.advanceSource(vp)
    case .cmps:
        guard let first = segmentAddress(vp, segment: state.sourceSegment, offset: state.source(vp), bytes: bytes, write: false),
            let left = loadSized(vp, first, log2: state.log2),
            let second = segmentAddress(vp, segment: es, offset: state.destination(vp), bytes: bytes, write: false),
            let right = loadSized(vp, second, log2: state.log2)
        else { return false }
        compare(vp, left, right, state.log2)
        state.advanceSource(vp)
        state.advanceDestination(vp)
    case .scas:
        guard let second = segmentAddress(vp, segment: es, offset: state.destination(vp), bytes: bytes, write: false),
            let right = loadSized(vp, second, log2: state.log2)
        else { return false }
        compare(vp, register64(vp, 0), right, state.log2)
        state.advanceDestination(vp)
    }
    return true
}

@inline(__always) private func compare(_ vp: VP, _ left: UInt64, _ right: UInt64, _ log2: Int) {
    let a = signExtend(left, log2)
    let b = signExtend(right, log2)
    setLazy(vp, FlagsKind.sub, signExtend(a &- b, log2), a, b)
}

@inline(__always)
private func string(_ vp: VP, _ op: UOp, _ operation: StringOperation) -> Int32 {
    let state = StringState(vp, op)
    if !op.has(LV_UOP_REP | LV_UOP_REPNE) {
        return iterate(vp, state, operation) ? RoutineResult.next : RoutineResult.fault
    }
    var count = register64(vp, 1) & state.mask
    if count == 0 { return RoutineResult.next }
    let compares = operation == .cmps || operation == .scas
    let wanted = !op.has(LV_UOP_REPNE)
    // TF traps behind each iteration.
    var room = vp.pointee.rflags & RFLAGS.trap != 0 ? 1 : min(longestRun, max(1, vp.pointee.limit &- vp.pointee.retired))
    var done: UInt64 = 0
    while true {
        let run = operation == .movs ? copyRun(vp, state, min(count, room)) : operation == .stos ? fillRun(vp, state, min(count, room)) : 0
        if run > 0 {
            done &+= run
            room &-= run
            count &-= run
        } else {
            guard iterate(vp, state, operation) else {
                // What is done is done and counted; the fault is of the next iteration.
                vp.pointee.retired &+= done
                return RoutineResult.fault
            }
            done &+= 1
            room &-= 1
            count &-= 1
        }
        state.set(vp, 1, count)
        if count == 0 || compares && zeroFlag(vp) != wanted {
            vp.pointee.retired &+= done &- 1
            return RoutineResult.next
        }
        if room == 0 || vp.pointee.exit_reason != 0 {
            vp.pointee.retired &+= done &- 1
            return RoutineResult.again
        }
    }
}

/// Iterations of a forward STOS that stay in one page of RAM, done at once; 0: none can be.
private func fillRun(_ vp: VP, _ state: StringState, _ most: UInt64) -> UInt64 {
    guard vp.pointee.mode == 2, state.mask == ~0, Int64(bitPattern: state.step) > 0 else { return 0 }
    let linear = state.destination(vp)
    let run = min(most, (4096 &- linear & 0xfff) &>> UInt64(state.log2))
    guard run > 1, !alignmentChecked(vp), let pointer = writePointer(vp, linear, run &<< UInt64(state.log2)) else { return 0 }
    let value = register64(vp, 0)
    switch state.log2 {
    case 0: lv_fill8(pointer, UInt8(truncatingIfNeeded: value), run)
    case 1: for index in 0..<Int(run) { lv_store16(pointer + index * 2, UInt16(truncatingIfNeeded: value)) }
    case 2: for index in 0..<Int(run) { lv_store32(pointer + index * 4, UInt32(truncatingIfNeeded: value)) }
    default: for index in 0..<Int(run) { lv_store64(pointer + index * 8, value) }
    }
    state.advanceDestination(vp, run)
    return run
}

/// The same for MOVS; an overlap that repeats a pattern goes the slow way.
private func copyRun(_ vp: VP, _ state: StringState, _ most: UInt64) -> UInt64 {
    guard vp.pointee.mode == 2, state.mask == ~0, Int64(bitPattern: state.step) > 0, state.sourceSegment < Int(LV_FS) else { return 0 }
    let from = state.source(vp)
    let to = state.destination(vp)
    let run = min(most, (4096 &- max(from & 0xfff, to & 0xfff)) &>> UInt64(state.log2))
    let bytes = run &<< UInt64(state.log2)
    guard run > 1, !alignmentChecked(vp), let source = readPointer(vp, from, bytes), let target = writePointer(vp, to, bytes) else {
        return 0
    }
    if target > source, target < source + Int(bytes) { return 0 }
    lv_copy(target, source, bytes)
    state.advanceSource(vp, run)
    state.advanceDestination(vp, run)
    return run
}

private func alignmentChecked(_ vp: VP) -> Bool { vp.pointee.context_key &>> 56 & BlockContext.checked != 0 }

func stringRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .movs: { string($0, $1, .movs) }
    case .cmps: { string($0, $1, .cmps) }
    case .stos: { string($0, $1, .stos) }
    case .lods: { string($0, $1, .lods) }
    case .scas: { string($0, $1, .scas) }
    default: nil
    }
}

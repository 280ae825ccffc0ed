import CHost

/// MOV Sreg, r/m16. CS cannot be loaded; loading SS holds interrupts and debug traps off for one instruction.
func executeMovToSreg(_ vp: VP, _ op: UOp) -> Int32 {
    let register = Int(op.pointee.a & 7)
    guard register != LV_CS, register <= LV_GS else { return raiseUndefined(vp) }
    guard let selector = loadOperand16(vp, op), loadSegment(vp, register, selector) else { return RoutineResult.fault }
    return segmentLoaded(vp, register, shadow: true)
}

/// MOV r/m16, Sreg.
func executeMovFromSreg(_ vp: VP, _ op: UOp) -> Int32 {
    let register = Int(op.pointee.a & 7)
    guard register <= LV_GS else { return raiseUndefined(vp) }
    return storeSelector(vp, op, segmentRegisters(vp)[register].selector)
}

/// PUSH Sreg, zero-extended to the operand size.
func executePushSreg(_ vp: VP, _ op: UOp) -> Int32 {
    var stack = TransferStack(current: vp)
    guard stack.prepare(vp, count: 1, log2: op.log2Size) else { return RoutineResult.fault }
    stack.push(vp, UInt64(segmentRegisters(vp)[Int(op.pointee.immediate & 7)].selector), log2: op.log2Size)
    setStackPointer(vp, stack.pointer, mask: stack.mask)
    return RoutineResult.next
}

/// POP Sreg.
func executePopSreg(_ vp: VP, _ op: UOp) -> Int32 {
    let register = Int(op.pointee.immediate & 7)
    var reader = StackReader(vp)
    guard let value = reader.pop(vp, log2: op.log2Size) else { return RoutineResult.fault }
    guard loadSegment(vp, register, UInt16(truncatingIfNeeded: value)) else { return RoutineResult.fault }
    // A new SS has its own size, but the pop itself moved the old one's pointer.
    setStackPointer(vp, reader.pointer, mask: reader.mask)
    return segmentLoaded(vp, register, shadow: true)
}

private func segmentLoaded(_ vp: VP, _ register: Int, shadow: Bool) -> Int32 {
    interpreter(vp).modeChanged(vp)
    guard register == LV_SS else { return RoutineResult.next }
    if shadow { vp.pointee.interrupt_shadow = InterruptShadow.everything }
    return RoutineResult.end
}

/// LES, LSS, LDS, LFS, LGS: the immediate is the segment register.
func executeLoadFarPointer(_ vp: VP, _ op: UOp) -> Int32 {
    let register = Int(op.pointee.immediate & 7)
    guard let pointer = loadFarPointer(vp, op), loadSegment(vp, register, pointer.selector) else { return RoutineResult.fault }
    setRegisterSized(vp, Int(op.pointee.a), log2: min(op.log2Size, 2), rex: true, pointer.offset)
    return segmentLoaded(vp, register, shadow: false)
}

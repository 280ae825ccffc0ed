import CHost

/// INT n. In virtual-8086 mode it needs IOPL 3.
func executeIntN(_ vp: VP, _ op: UOp) -> Int32 {
    if isVirtual8086(vp), ioPrivilege(vp) < 3 { return raiseProtection(vp) }
    return softwareInterrupt(vp, Int(op.pointee.immediate) & 0xff, .software)
}

/// INT3.
func executeInt3(_ vp: VP, _ op: UOp) -> Int32 { softwareInterrupt(vp, ExceptionVector.breakpoint, .software) }

/// INT1 (ICEBP): a debug exception whatever the gate's DPL.
func executeInt1(_ vp: VP, _ op: UOp) -> Int32 { softwareInterrupt(vp, ExceptionVector.debug, .privilegedSoftware) }

/// INTO.
func executeInto(_ vp: VP, _ op: UOp) -> Int32 {
    materialisedFlags(vp) & RFLAGS.overflow == 0 ? RoutineResult.next : softwareInterrupt(vp, ExceptionVector.overflow, .software)
}

private func softwareInterrupt(_ vp: VP, _ vector: Int, _ kind: Event.Kind) -> Int32 {
    let event = Event(vector: vector, errorCode: nil, kind: kind, returnAddress: nextInstruction(vp))
    return switch attemptDelivery(vp, event) {
    case .delivered: RoutineResult.jump
    case .faulted: RoutineResult.fault
    case .refused: RoutineResult.fault
    }
}

/// BOUND: #BR unless lower ≤ index ≤ upper, signed.
func executeBound(_ vp: VP, _ op: UOp) -> Int32 {
    let bytes = op.size
    guard let address = operandAddress(vp, op, bytes: bytes * 2, write: false),
        let lower = loadSized(vp, address, log2: op.log2Size),
        let upper = loadSized(vp, address &+ UInt64(bytes), log2: op.log2Size)
    else { return RoutineResult.fault }
    let index = registerSized(vp, Int(op.pointee.a), log2: op.log2Size, rex: false)
    func signed(_ value: UInt64) -> Int64 {
        bytes == 2 ? Int64(Int16(truncatingIfNeeded: value)) : Int64(Int32(truncatingIfNeeded: value))
    }
    guard signed(index) >= signed(lower), signed(index) <= signed(upper) else { return raise(vp, ExceptionVector.boundRange) }
    return RoutineResult.next
}

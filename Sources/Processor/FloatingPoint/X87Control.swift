import CHost

/// Routines of x87 control: words, environment, stack pointer, waiting (SDM vol. 1, 8.3.12).
func x87ControlRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .fldcw: return { loadControlWord($0, $1) }
    case .fnstcw: return { storeWord($0, $1, $0.pointee.fcw) }
    case .fnstsw: return { storeWord($0, $1, $0.pointee.fsw) }
    case .fnstswAX: return { statusToAX($0, $1) }
    case .fnclex: return { clearExceptions($0, $1) }
    case .fninit: return { initialise($0, $1) }
    case .fincstp: return { moveTop($0, $1, 1) }
    case .fdecstp: return { moveTop($0, $1, 7) }
    case .ffree: return { free($0, $1, pops: 0) }
    case .ffreep: return { free($0, $1, pops: 1) }
    case .fnop: return { noOperation($0, $1) }
    case .feni: return { obsolete($0, $1) }
    case .fwait: return { wait($0, $1) }
    case .fnstenv: return { storeEnvironment($0, $1) }
    case .fldenv: return { loadEnvironment($0, $1) }
    case .fnsave: return { saveState($0, $1) }
    case .frstor: return { restoreState($0, $1) }
    default: return nil
    }
}

/// The control word as the processor keeps it: bit 6 is one, bits 7 and 13-15 are zero.
@inline(__always) func controlWord(_ value: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: value) & 0x1f3f | 0x40 }

/// FNINIT's state (SDM vol. 2, FINIT).
func initialiseX87(_ vp: VP) {
    vp.pointee.fcw = 0x37f
    vp.pointee.fsw = 0
    vp.pointee.ftw = 0xffff
    vp.pointee.fop = 0
    vp.pointee.fip = 0
    vp.pointee.fcs = 0
    vp.pointee.fdp = 0
    vp.pointee.fds = 0
}

private func loadControlWord(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp), let address = operandAddress(vp, op, bytes: 2, write: false), let value = load16(vp, address) else {
        return RoutineResult.fault
    }
    vp.pointee.fcw = controlWord(value)
    summarise(vp)
    return RoutineResult.next
}

@inline(__always) private func storeWord(_ vp: VP, _ op: UOp, _ word: UInt16) -> Int32 {
    guard x87Enabled(vp), let address = operandAddress(vp, op, bytes: 2, write: true), store16(vp, address, UInt64(word)) else {
        return RoutineResult.fault
    }
    return RoutineResult.next
}

private func statusToAX(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Enabled(vp) else { return RoutineResult.fault }
    setRegisterSized(vp, 0, log2: 1, rex: false, UInt64(vp.pointee.fsw))
    return RoutineResult.next
}

private func clearExceptions(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Enabled(vp) else { return RoutineResult.fault }
    vp.pointee.fsw &= X87Status.top | X87Status.conditions
    return RoutineResult.next
}

private func initialise(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Enabled(vp) else { return RoutineResult.fault }
    initialiseX87(vp)
    return RoutineResult.next
}

@inline(__always) private func moveTop(_ vp: VP, _ op: UOp, _ by: UInt16) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    vp.pointee.fsw &= ~X87Status.c1
    rotate(vp, by)
    return RoutineResult.next
}

@inline(__always) private func free(_ vp: VP, _ op: UOp, pops: Int) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    vp.pointee.fsw &= ~X87Status.c1
    markEmpty(vp, op.index)
    if pops == 1 { popRegister(vp) }
    return RoutineResult.next
}

private func noOperation(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    return RoutineResult.next
}

/// FENI, FDISI and FSETPM of the 8087 and 80287: nothing, without waiting.
private func obsolete(_ vp: VP, _ op: UOp) -> Int32 { x87Enabled(vp) ? RoutineResult.next : RoutineResult.fault }

/// FWAIT: unlike the rest it is #NM only when both TS and MP are set, and EM does not stop it.
private func wait(_ vp: VP, _ op: UOp) -> Int32 {
    let gate = FloatingPointGate.taskSwitched | FloatingPointGate.monitorCoprocessor
    if vp.pointee.cr0 & gate == gate { return raise(vp, ExceptionVector.deviceNotAvailable) }
    return vp.pointee.fsw & FloatingPointGate.errorSummary != 0 ? raise(vp, ExceptionVector.floatingPoint) : RoutineResult.next
}

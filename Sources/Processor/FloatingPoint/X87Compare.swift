import CHost

/// Routines of x87 comparison and classification (SDM vol. 1, 8.3.6).
func x87CompareRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .fcom: return { compare($0, $1, pops: 0, lv_fcom) }
    case .fcomp: return { compare($0, $1, pops: 1, lv_fcom) }
    case .fcompp: return { compare($0, $1, pops: 2, lv_fcom) }
    case .fucom: return { compare($0, $1, pops: 0, lv_fucom) }
    case .fucomp: return { compare($0, $1, pops: 1, lv_fucom) }
    case .fucompp: return { compare($0, $1, pops: 2, lv_fucom) }
    case .fcomM32: return { compareMemory($0, $1, bytes: 4, pops: 0, lv_fcom_m32) }
    case .fcomM64: return { compareMemory($0, $1, bytes: 8, pops: 0, lv_fcom_m64) }
    case .ficomM16: return { compareMemory($0, $1, bytes: 2, pops: 0, lv_ficom_m16) }
    case .ficomM32: return { compareMemory($0, $1, bytes: 4, pops: 0, lv_ficom_m32) }
    case .fcompM32: return { compareMemory($0, $1, bytes: 4, pops: 1, lv_fcom_m32) }
    case .fcompM64: return { compareMemory($0, $1, bytes: 8, pops: 1, lv_fcom_m64) }
    case .ficompM16: return { compareMemory($0, $1, bytes: 2, pops: 1, lv_ficom_m16) }
    case .ficompM32: return { compareMemory($0, $1, bytes: 4, pops: 1, lv_ficom_m32) }
    case .fcomi: return { compareToFlags($0, $1, pops: 0, lv_fcom) }
    case .fcomip: return { compareToFlags($0, $1, pops: 1, lv_fcom) }
    case .fucomi: return { compareToFlags($0, $1, pops: 0, lv_fucom) }
    case .fucomip: return { compareToFlags($0, $1, pops: 1, lv_fucom) }
    case .ftst: return { testZero($0, $1) }
    case .fxam: return { examine($0, $1) }
    default: return nil
    }
}

/// C3 C2 C0 = 111: unordered.
private let unordered = X87Status.c3 | X87Status.c2 | X87Status.c0

@inline(__always) private func finish(_ vp: VP, _ status: UInt32, pops: Int) {
    if settleX87(vp, status, conditions: X87Status.conditions) & X87Status.before != 0 { return }
    for _ in 0..<pops { popRegister(vp) }
}

@inline(__always) private func finishEmpty(_ vp: VP, pops: Int) {
    let masked = stackFault(vp, overflow: false)
    vp.pointee.fsw |= unordered
    guard masked else { return }
    for _ in 0..<pops { popRegister(vp) }
}

/// FCOM and FUCOM ST(i); the double pop takes ST(0) and ST(1).
@inline(__always) private func compare(_ vp: VP, _ op: UOp, pops: Int, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    let other = pops == 2 ? 1 : op.index
    if _slowPath(isEmpty(vp, 0) || isEmpty(vp, other)) {
        finishEmpty(vp, pops: pops)
    } else {
        finish(vp, kernel(st(vp, 0), X87Source(st(vp, other)), x87Control(vp)), pops: pops)
    }
    return RoutineResult.next
}

@inline(__always) private func compareMemory(_ vp: VP, _ op: UOp, bytes: Int, pops: Int, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp), var operand = loadX87(vp, op, bytes: bytes) else { return RoutineResult.fault }
    noteMemory(vp, op)
    if _slowPath(isEmpty(vp, 0)) {
        finishEmpty(vp, pops: pops)
    } else {
        finish(vp, kernel(st(vp, 0), &operand, x87Control(vp)), pops: pops)
    }
    return RoutineResult.next
}

/// FCOMI and FUCOMI: C3, C2, C0 of the comparison become ZF, PF, CF; of the status word
/// only the flags change; C1 is cleared by a stack fault alone.
@inline(__always) private func compareToFlags(_ vp: VP, _ op: UOp, pops: Int, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    let conditions: UInt16
    let done: Bool
    if _slowPath(isEmpty(vp, 0) || isEmpty(vp, op.index)) {
        done = stackFault(vp, overflow: false)
        conditions = unordered
    } else {
        let status = kernel(st(vp, 0), X87Source(st(vp, op.index)), x87Control(vp))
        done = settleX87(vp, status, conditions: 0) & X87Status.before == 0
        conditions = UInt16(truncatingIfNeeded: status)
    }
    // C0, C2, C3 are bits 8, 10, 14 of the word; CF, PF, ZF are bits 0, 2, 6.
    setArithmeticFlags(vp, UInt64(conditions & unordered) >> 8)
    if done, pops == 1 { popRegister(vp) }
    return RoutineResult.next
}

private func testZero(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if isEmpty(vp, 0) {
        finishEmpty(vp, pops: 0)
    } else {
        finish(vp, lv_ftst(st(vp, 0), x87Control(vp)), pops: 0)
    }
    return RoutineResult.next
}

/// FXAM looks at empty registers too: C3 and C0, C1 the sign of what lies there.
private func examine(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    var status = UInt16(truncatingIfNeeded: lv_fxam(st(vp, 0), x87Control(vp))) & X87Status.conditions
    if isEmpty(vp, 0) {
        status = X87Status.c3 | X87Status.c0 | (st(vp, 0).pointee.sign_exponent & 0x8000 != 0 ? X87Status.c1 : 0)
    }
    vp.pointee.fsw = vp.pointee.fsw & ~X87Status.conditions | status
    return RoutineResult.next
}

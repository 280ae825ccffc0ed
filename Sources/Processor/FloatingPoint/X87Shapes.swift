import CHost

/// The shapes of x87 arithmetic: checks, stack faults, kernel, status, pops. Each is inlined into a routine with its kernel.

typealias X87Kernel = (X87Register, X87Source, UInt32) -> UInt32

/// ST(target) = ST(target) OP ST(source), then `pops` registers go.
@inline(__always) func x87Binary(_ vp: VP, _ op: UOp, target: UInt32, source: UInt32, pops: Int = 0, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, target) || isEmpty(vp, source)) {
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, target).pointee = indefinite
        markValid(vp, target)
    } else {
        let status = kernel(st(vp, target), X87Source(st(vp, source)), x87Control(vp))
        if settleX87(vp, status) & X87Status.before != 0 { return RoutineResult.next }
    }
    if pops == 1 { popRegister(vp) }
    return RoutineResult.next
}

/// ST(0) = ST(0) OP memory.
@inline(__always) func x87Memory(_ vp: VP, _ op: UOp, bytes: Int, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp), var operand = loadX87(vp, op, bytes: bytes) else { return RoutineResult.fault }
    noteMemory(vp, op)
    if _slowPath(isEmpty(vp, 0)) {
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, 0).pointee = indefinite
        markValid(vp, 0)
    } else {
        _ = settleX87(vp, kernel(st(vp, 0), &operand, x87Control(vp)))
    }
    return RoutineResult.next
}

/// ST(0) = OP ST(0).
@inline(__always) func x87Unary(
    _ vp: VP, _ op: UOp, conditions: UInt16 = X87Status.c1, _ kernel: (X87Register, UInt32) -> UInt32
) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, 0)) {
        vp.pointee.fsw &= ~(conditions & X87Status.c2)
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, 0).pointee = indefinite
        markValid(vp, 0)
    } else {
        _ = settleX87(vp, kernel(st(vp, 0), x87Control(vp)), conditions: conditions)
    }
    return RoutineResult.next
}

/// ST(0) = ST(0) OP ST(1), both stay: FPREM, FPREM1, FSCALE.
@inline(__always) func x87WithSecond(_ vp: VP, _ op: UOp, conditions: UInt16, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, 0) || isEmpty(vp, 1)) {
        vp.pointee.fsw &= ~(conditions & X87Status.c2)
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, 0).pointee = indefinite
        markValid(vp, 0)
    } else {
        let status = kernel(st(vp, 0), X87Source(st(vp, 1)), x87Control(vp))
        // A remainder that is not a number or not computed has no quotient: C0 and C3 stay.
        let invalid = UInt16(truncatingIfNeeded: status) & X87Status.invalid != 0 || isNaN(st(vp, 0).pointee)
        let refused = UInt16(truncatingIfNeeded: status) & ~vp.pointee.fcw & X87Status.before != 0
        let quotient = invalid || refused ? X87Status.c0 | X87Status.c3 : 0
        _ = settleX87(vp, status, conditions: conditions & ~quotient)
    }
    return RoutineResult.next
}

/// Exponent all ones and not infinity.
@inline(__always) private func isNaN(_ value: lv_x87_register) -> Bool {
    value.sign_exponent & 0x7fff == 0x7fff && value.significand << 1 != 0
}

/// ST(1) = ST(1) OP ST(0) by a kernel that pops in the host, then pop: FYL2X, FYL2XP1, FPATAN.
@inline(__always) func x87Popping(_ vp: VP, _ op: UOp, _ kernel: X87Kernel) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, 0) || isEmpty(vp, 1)) {
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, 1).pointee = indefinite
        markValid(vp, 1)
    } else {
        var result = st(vp, 1).pointee
        let status = kernel(&result, X87Source(st(vp, 0)), x87Control(vp))
        if settleX87(vp, status) & X87Status.before != 0 { return RoutineResult.next }
        st(vp, 1).pointee = result
    }
    popRegister(vp)
    return RoutineResult.next
}

/// ST(0) is replaced and a second result pushed: FPTAN, FSINCOS, FXTRACT.
@inline(__always) func x87Pushing(
    _ vp: VP, _ op: UOp, conditions: UInt16, _ kernel: (X87Register, X87Register, UInt32) -> UInt32
) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    let empty = isEmpty(vp, 0)
    if _slowPath(empty || !isEmpty(vp, 7)) {
        vp.pointee.fsw &= ~(conditions & X87Status.c2)
        guard stackFault(vp, overflow: !empty) else { return RoutineResult.next }
        st(vp, 0).pointee = indefinite
        markValid(vp, 0)
        pushRegister(vp, indefinite)
        return RoutineResult.next
    }
    var first = st(vp, 0).pointee
    var pushed = lv_x87_register()
    let status = kernel(&first, &pushed, x87Control(vp))
    let refused = settleX87(vp, status, conditions: conditions) & X87Status.before != 0
    if refused || UInt16(truncatingIfNeeded: status) & conditions & X87Status.c2 != 0 { return RoutineResult.next }
    st(vp, 0).pointee = first
    pushRegister(vp, pushed)
    return RoutineResult.next
}

/// Pushes what a load or a constant makes, or the indefinite when there is no room. Unmasked: nothing changes.
@inline(__always) func x87Push(_ vp: VP, _ value: () -> (lv_x87_register, UInt32)) {
    if _slowPath(!isEmpty(vp, 7)) {
        if stackFault(vp, overflow: true) { pushRegister(vp, indefinite) }
        return
    }
    let (value, status) = value()
    // A denormal is loaded even when its exception is not masked.
    if settleX87(vp, status) & X87Status.invalid == 0 { pushRegister(vp, value) }
}

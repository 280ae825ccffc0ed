import CHost

/// Routines of x87 loads, stores, constants and exchanges (SDM vol. 1, 8.3.3 and 8.3.4).
func x87MoveRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .fld: return { loadRegister($0, $1) }
    case .fldM32: return { load($0, $1, bytes: 4, lv_fld_m32) }
    case .fldM64: return { load($0, $1, bytes: 8, lv_fld_m64) }
    case .fldM80: return { loadExtended($0, $1) }
    case .fildM16: return { load($0, $1, bytes: 2, lv_fild_m16) }
    case .fildM32: return { load($0, $1, bytes: 4, lv_fild_m32) }
    case .fildM64: return { load($0, $1, bytes: 8, lv_fild_m64) }
    case .fbld: return { load($0, $1, bytes: 10, lv_fbld) }
    case .fst: return { storeRegister($0, $1, pops: 0) }
    case .fstp: return { storeRegister($0, $1, pops: 1) }
    case .fstpUnchecked: return { storeUnchecked($0, $1) }
    case .fstM32: return { store($0, $1, bytes: 4, pops: 0, empty: Indefinite.single, lv_fst_m32) }
    case .fstM64: return { store($0, $1, bytes: 8, pops: 0, empty: Indefinite.double, lv_fst_m64) }
    case .fstpM32: return { store($0, $1, bytes: 4, pops: 1, empty: Indefinite.single, lv_fst_m32) }
    case .fstpM64: return { store($0, $1, bytes: 8, pops: 1, empty: Indefinite.double, lv_fst_m64) }
    case .fstpM80: return { store($0, $1, bytes: 10, pops: 1, empty: indefinite) { copyWhole($0, $1, $2) } }
    case .fistM16: return { store($0, $1, bytes: 2, pops: 0, empty: Indefinite.word, lv_fist_m16) }
    case .fistM32: return { store($0, $1, bytes: 4, pops: 0, empty: Indefinite.doubleword, lv_fist_m32) }
    case .fistpM16: return { store($0, $1, bytes: 2, pops: 1, empty: Indefinite.word, lv_fist_m16) }
    case .fistpM32: return { store($0, $1, bytes: 4, pops: 1, empty: Indefinite.doubleword, lv_fist_m32) }
    case .fistpM64: return { store($0, $1, bytes: 8, pops: 1, empty: Indefinite.quadword, lv_fist_m64) }
    case .fbstp: return { store($0, $1, bytes: 10, pops: 1, empty: Indefinite.decimal, lv_fbst) }
    case .fxch: return { exchange($0, $1) }
    case .fcmovb: return { conditionalMove($0, $1, 0x2) }
    case .fcmove: return { conditionalMove($0, $1, 0x4) }
    case .fcmovbe: return { conditionalMove($0, $1, 0x6) }
    case .fcmovu: return { conditionalMove($0, $1, 0xa) }
    case .fcmovnb: return { conditionalMove($0, $1, 0x3) }
    case .fcmovne: return { conditionalMove($0, $1, 0x5) }
    case .fcmovnbe: return { conditionalMove($0, $1, 0x7) }
    case .fcmovnu: return { conditionalMove($0, $1, 0xb) }
    case .fld1: return { constant($0, $1, lv_fld1) }
    case .fldz: return { constant($0, $1, lv_fldz) }
    case .fldpi: return { constant($0, $1, lv_fldpi) }
    case .fldl2e: return { constant($0, $1, lv_fldl2e) }
    case .fldl2t: return { constant($0, $1, lv_fldl2t) }
    case .fldlg2: return { constant($0, $1, lv_fldlg2) }
    case .fldln2: return { constant($0, $1, lv_fldln2) }
    default: return nil
    }
}

/// What a masked invalid store leaves in memory (SDM vol. 1, tables 4-3, 4-4 and 8-10).
private enum Indefinite {
    static func bits(_ low: UInt64, _ high: UInt16 = 0) -> lv_x87_register {
        lv_x87_register(significand: low, sign_exponent: high, reserved: (0, 0, 0))
    }
    static var single: lv_x87_register { bits(0xffc0_0000) }
    static var double: lv_x87_register { bits(0xfff8_0000_0000_0000) }
    static var word: lv_x87_register { bits(0x8000) }
    static var doubleword: lv_x87_register { bits(0x8000_0000) }
    static var quadword: lv_x87_register { bits(0x8000_0000_0000_0000) }
    static var decimal: lv_x87_register { bits(0xc000_0000_0000_0000, 0xffff) }
}

@inline(__always) private func load(_ vp: VP, _ op: UOp, bytes: Int, _ kernel: (X87Register, X87Source) -> UInt32) -> Int32 {
    guard x87Ready(vp), var operand = loadX87(vp, op, bytes: bytes) else { return RoutineResult.fault }
    noteMemory(vp, op)
    x87Push(vp) {
        var value = lv_x87_register()
        let status = kernel(&value, &operand)
        return (value, status)
    }
    return RoutineResult.next
}

/// FLD m80: the bits as they are, no exception.
private func loadExtended(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp), let operand = loadX87(vp, op, bytes: 10) else { return RoutineResult.fault }
    noteMemory(vp, op)
    x87Push(vp) { (operand, 0) }
    return RoutineResult.next
}

private func loadRegister(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, op.index)) {
        if stackFault(vp, overflow: false) { pushRegister(vp, indefinite) }
        return RoutineResult.next
    }
    let value = st(vp, op.index).pointee
    x87Push(vp) { (value, 0) }
    return RoutineResult.next
}

@inline(__always) private func constant(_ vp: VP, _ op: UOp, _ kernel: (X87Register, UInt32) -> Void) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    x87Push(vp) {
        var value = lv_x87_register()
        kernel(&value, x87Control(vp))
        return (value, 0)
    }
    return RoutineResult.next
}

private func storeRegister(_ vp: VP, _ op: UOp, pops: Int) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, 0)) {
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, op.index).pointee = indefinite
    } else {
        st(vp, op.index).pointee = st(vp, 0).pointee
        vp.pointee.fsw &= ~X87Status.c1
    }
    markValid(vp, op.index)
    if pops == 1 { popRegister(vp) }
    return RoutineResult.next
}

@inline(__always) private func copyWhole(_ destination: X87Register, _ source: X87Source, _ fcw: UInt32) -> UInt32 {
    destination.pointee = source.pointee
    return 0
}

/// The second encoding of FSTP ST(i) (D9 D8+i) knows no stack fault: an empty register is popped and not copied.
private func storeUnchecked(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if !isEmpty(vp, 0) {
        st(vp, op.index).pointee = st(vp, 0).pointee
        markValid(vp, op.index)
    }
    vp.pointee.fsw &= ~X87Status.c1
    popRegister(vp)
    return RoutineResult.next
}

/// FST, FIST, FBSTP to memory. Memory comes before the status: a page fault leaves the FPU as it was,
/// and is found even when an unmasked exception keeps the value back.
@inline(__always) private func store(
    _ vp: VP, _ op: UOp, bytes: Int, pops: Int, empty: lv_x87_register, _ kernel: X87Kernel
) -> Int32 {
    guard x87Ready(vp), let address = operandAddress(vp, op, bytes: bytes, write: true) else { return RoutineResult.fault }
    var value = empty
    if _slowPath(isEmpty(vp, 0)) {
        let stores = vp.pointee.fcw & X87Status.invalid != 0
        guard stores ? storeX87(vp, address, bytes: bytes, value) : prepareStore(vp, address, bytes: bytes) else {
            return RoutineResult.fault
        }
        noteMemory(vp, op)
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
    } else {
        let status = kernel(&value, X87Source(st(vp, 0)), x87Control(vp))
        let refused = UInt16(truncatingIfNeeded: status) & ~vp.pointee.fcw & X87Status.store != 0
        guard _fastPath(!refused) ? storeX87(vp, address, bytes: bytes, value) : prepareStore(vp, address, bytes: bytes) else {
            return RoutineResult.fault
        }
        noteMemory(vp, op)
        _ = settleX87(vp, status)
        if refused { return RoutineResult.next }
    }
    if pops == 1 { popRegister(vp) }
    return RoutineResult.next
}

private func exchange(_ vp: VP, _ op: UOp) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    let first = isEmpty(vp, 0)
    let second = isEmpty(vp, op.index)
    if _slowPath(first || second) {
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        if first { st(vp, 0).pointee = indefinite }
        if second { st(vp, op.index).pointee = indefinite }
        markValid(vp, 0)
        markValid(vp, op.index)
    } else {
        vp.pointee.fsw &= ~X87Status.c1
    }
    let value = st(vp, 0).pointee
    st(vp, 0).pointee = st(vp, op.index).pointee
    st(vp, op.index).pointee = value
    return RoutineResult.next
}

/// FCMOVcc by the condition code that Jcc would use. An empty register is a stack fault whether or not the move happens.
@inline(__always) private func conditionalMove(_ vp: VP, _ op: UOp, _ code: Int) -> Int32 {
    guard x87Ready(vp) else { return RoutineResult.fault }
    noteInstruction(vp, op)
    if _slowPath(isEmpty(vp, 0) || isEmpty(vp, op.index)) {
        guard stackFault(vp, overflow: false) else { return RoutineResult.next }
        st(vp, 0).pointee = indefinite
        markValid(vp, 0)
        return RoutineResult.next
    }
    if condition(vp, code) { st(vp, 0).pointee = st(vp, op.index).pointee }
    return RoutineResult.next
}

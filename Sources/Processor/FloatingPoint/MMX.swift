import CHost

/// MMX registers are the significands of the physical x87 registers (SDM vol. 1, 9.2.2).

@inline(__always) func mmxRegister(_ vp: VP, _ number: UInt8) -> UInt64 { lv_x87_physical(vp, UInt32(number)).pointee.significand }

/// Writes a register and makes the x87 state what every MMX instruction leaves: TOP 0, all tags valid, exponent all ones.
@inline(__always) func setMMXRegister(_ vp: VP, _ number: UInt8, _ value: UInt64) {
    let register = lv_x87_physical(vp, UInt32(number))
    register.pointee.significand = value
    register.pointee.sign_exponent = 0xffff
    enterMMX(vp)
}

/// The state after an MMX instruction that writes no MMX register (SDM vol. 3, 12.2).
@inline(__always) func enterMMX(_ vp: VP) {
    vp.pointee.fsw &= ~0x3800
    vp.pointee.ftw = 0
}

/// An MMX operation through the 128-bit kernel whose low half it is.
@inline(never) func mmxInteger(_ vp: VP, _ op: UOp, _ kernel: VectorKernel, _ bytes: Int) -> Int32 {
    guard mmxReady(vp) else { return RoutineResult.fault }
    var source = lv_xmm()
    guard loadMMXSource(vp, op, bytes: bytes, &source) else { return RoutineResult.fault }
    var value = lv_xmm_of(mmxRegister(vp, op.pointee.a), 0)
    kernel(&value, &source)
    setMMXRegister(vp, op.pointee.a, lv_lane64(&value, 0))
    return RoutineResult.next
}

/// The 64-bit rm operand, an MMX register or memory, in the low half of `source`; false: a fault is recorded.
@inline(__always) func loadMMXSource(_ vp: VP, _ op: UOp, bytes: Int, _ source: inout lv_xmm) -> Bool {
    if op.isMemory {
        return withUnsafeMutablePointer(to: &source) { loadOperand(vp, op, bytes: bytes == 4 ? 4 : 8, aligned: false, into: $0) }
    }
    source = lv_xmm_of(mmxRegister(vp, op.pointee.b), 0)
    return true
}

/// PSHUFW mm, mm/m64, imm8.
@inline(never) func shuffleMMX(_ vp: VP, _ op: UOp) -> Int32 {
    guard mmxReady(vp) else { return RoutineResult.fault }
    var source = lv_xmm()
    guard loadMMXSource(vp, op, bytes: 8, &source) else { return RoutineResult.fault }
    var value = lv_xmm()
    lv_pshufw_at(&value, &source, immediateByte(op), 0)
    setMMXRegister(vp, op.pointee.a, lv_lane64(&value, 0))
    return RoutineResult.next
}

/// EMMS: TOP 0 and all x87 registers empty.
@inline(never) func emptyMMX(_ vp: VP, _ op: UOp) -> Int32 {
    guard mmxReady(vp) else { return RoutineResult.fault }
    enterMMX(vp)
    vp.pointee.ftw = 0xffff
    return RoutineResult.next
}

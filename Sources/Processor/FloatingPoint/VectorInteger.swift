import CHost

/// Routines of the packed-integer operations that MMX and SSE2 share (SDM vol. 1, 9.4 and 11.4.2).
func packedIntegerRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .paddb: return { packedInteger($0, $1, lv_paddb) }
    case .paddw: return { packedInteger($0, $1, lv_paddw) }
    case .paddd: return { packedInteger($0, $1, lv_paddd) }
    case .paddq: return { packedInteger($0, $1, lv_paddq) }
    case .psubb: return { packedInteger($0, $1, lv_psubb) }
    case .psubw: return { packedInteger($0, $1, lv_psubw) }
    case .psubd: return { packedInteger($0, $1, lv_psubd) }
    case .psubq: return { packedInteger($0, $1, lv_psubq) }
    case .paddsb: return { packedInteger($0, $1, lv_paddsb) }
    case .paddsw: return { packedInteger($0, $1, lv_paddsw) }
    case .paddusb: return { packedInteger($0, $1, lv_paddusb) }
    case .paddusw: return { packedInteger($0, $1, lv_paddusw) }
    case .psubsb: return { packedInteger($0, $1, lv_psubsb) }
    case .psubsw: return { packedInteger($0, $1, lv_psubsw) }
    case .psubusb: return { packedInteger($0, $1, lv_psubusb) }
    case .psubusw: return { packedInteger($0, $1, lv_psubusw) }
    case .pmullw: return { packedInteger($0, $1, lv_pmullw) }
    case .pmulhw: return { packedInteger($0, $1, lv_pmulhw) }
    case .pmulhuw: return { packedInteger($0, $1, lv_pmulhuw) }
    case .pmuludq: return { packedInteger($0, $1, lv_pmuludq) }
    case .pmaddwd: return { packedInteger($0, $1, lv_pmaddwd) }
    case .psadbw: return { packedInteger($0, $1, lv_psadbw) }
    case .pavgb: return { packedInteger($0, $1, lv_pavgb) }
    case .pavgw: return { packedInteger($0, $1, lv_pavgw) }
    case .pminub: return { packedInteger($0, $1, lv_pminub) }
    case .pminsw: return { packedInteger($0, $1, lv_pminsw) }
    case .pmaxub: return { packedInteger($0, $1, lv_pmaxub) }
    case .pmaxsw: return { packedInteger($0, $1, lv_pmaxsw) }
    case .pcmpeqb: return { packedInteger($0, $1, lv_pcmpeqb) }
    case .pcmpeqw: return { packedInteger($0, $1, lv_pcmpeqw) }
    case .pcmpeqd: return { packedInteger($0, $1, lv_pcmpeqd) }
    case .pcmpgtb: return { packedInteger($0, $1, lv_pcmpgtb) }
    case .pcmpgtw: return { packedInteger($0, $1, lv_pcmpgtw) }
    case .pcmpgtd: return { packedInteger($0, $1, lv_pcmpgtd) }
    case .pand: return { packedInteger($0, $1, lv_pand) }
    case .pandn: return { packedInteger($0, $1, lv_pandn) }
    case .por: return { packedInteger($0, $1, lv_por) }
    case .pxor: return { packedInteger($0, $1, lv_pxor) }
    default: return packedShiftRoutine(operation) ?? packedShuffleRoutine(operation)
    }
}

/// Shifts, packs and unpacks.
private func packedShiftRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .psllw: return { packedInteger($0, $1, lv_psllw) }
    case .pslld: return { packedInteger($0, $1, lv_pslld) }
    case .psllq: return { packedInteger($0, $1, lv_psllq) }
    case .psrlw: return { packedInteger($0, $1, lv_psrlw) }
    case .psrld: return { packedInteger($0, $1, lv_psrld) }
    case .psrlq: return { packedInteger($0, $1, lv_psrlq) }
    case .psraw: return { packedInteger($0, $1, lv_psraw) }
    case .psrad: return { packedInteger($0, $1, lv_psrad) }
    case .psllwImmediate: return { shiftImmediate($0, $1, lv_psllw) }
    case .pslldImmediate: return { shiftImmediate($0, $1, lv_pslld) }
    case .psllqImmediate: return { shiftImmediate($0, $1, lv_psllq) }
    case .psrlwImmediate: return { shiftImmediate($0, $1, lv_psrlw) }
    case .psrldImmediate: return { shiftImmediate($0, $1, lv_psrld) }
    case .psrlqImmediate: return { shiftImmediate($0, $1, lv_psrlq) }
    case .psrawImmediate: return { shiftImmediate($0, $1, lv_psraw) }
    case .psradImmediate: return { shiftImmediate($0, $1, lv_psrad) }
    case .pslldq: return { shiftBytes($0, $1, lv_pslldq) }
    case .psrldq: return { shiftBytes($0, $1, lv_psrldq) }
    case .packsswb: return { packedInteger($0, $1, lv_packsswb, mmx: lv_packsswb_mmx) }
    case .packssdw: return { packedInteger($0, $1, lv_packssdw, mmx: lv_packssdw_mmx) }
    case .packuswb: return { packedInteger($0, $1, lv_packuswb, mmx: lv_packuswb_mmx) }
    case .punpcklbw: return { packedInteger($0, $1, lv_punpcklbw, mmxBytes: 4) }
    case .punpcklwd: return { packedInteger($0, $1, lv_punpcklwd, mmxBytes: 4) }
    case .punpckldq: return { packedInteger($0, $1, lv_punpckldq, mmxBytes: 4) }
    case .punpckhbw: return { packedInteger($0, $1, lv_punpckhbw, mmx: lv_punpckhbw_mmx) }
    case .punpckhwd: return { packedInteger($0, $1, lv_punpckhwd, mmx: lv_punpckhwd_mmx) }
    case .punpckhdq: return { packedInteger($0, $1, lv_punpckhdq, mmx: lv_punpckhdq_mmx) }
    case .punpcklqdq: return { plainVector($0, $1, lv_punpcklqdq) }
    case .punpckhqdq: return { plainVector($0, $1, lv_punpckhqdq) }
    default: return nil
    }
}

/// Shuffles by an immediate, and the moves between words or signs of a vector and a general register.
private func packedShuffleRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .pshufd: return { vp, op in plainVector(vp, op) { lv_pshufd($0, $1, immediateByte(op)) } }
    case .pshuflw: return { vp, op in plainVector(vp, op) { lv_pshufw_at($0, $1, immediateByte(op), 0) } }
    case .pshufhw: return { vp, op in plainVector(vp, op) { lv_pshufw_at($0, $1, immediateByte(op), 4) } }
    case .shufps: return { vp, op in plainVector(vp, op) { lv_shufps($0, $1, immediateByte(op)) } }
    case .shufpd: return { vp, op in plainVector(vp, op) { lv_shufpd($0, $1, immediateByte(op)) } }
    case .pshufw: return { shuffleMMX($0, $1) }
    case .pextrw: return { extractWord($0, $1) }
    case .pinsrw: return { insertWord($0, $1) }
    case .pmovmskb: return { byteMask($0, $1) }
    default: return nil
    }
}

/// PSLLDQ and PSRLDQ: XMM registers only, the register is ModRM.rm.
@inline(__always) private func shiftBytes(_ vp: VP, _ op: UOp, _ kernel: (Vector, UInt32) -> Void) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    kernel(vector(vp, op.pointee.b), immediateByte(op))
    return RoutineResult.next
}

/// PEXTRW r32, mm/xmm, imm8.
private func extractWord(_ vp: VP, _ op: UOp) -> Int32 {
    let wide = op.has(LV_UOP_OPERAND66)
    guard wide ? sseReady(vp) : mmxReady(vp) else { return RoutineResult.fault }
    var source = wide ? vector(vp, op.pointee.b).pointee : lv_xmm_of(mmxRegister(vp, op.pointee.b), 0)
    setRegister64(vp, Int(op.pointee.a), UInt64(lv_lane16(&source, immediateByte(op) & (wide ? 7 : 3))))
    if !wide { enterMMX(vp) }
    return RoutineResult.next
}

/// PINSRW mm/xmm, r32/m16, imm8.
private func insertWord(_ vp: VP, _ op: UOp) -> Int32 {
    let wide = op.has(LV_UOP_OPERAND66)
    guard wide ? sseReady(vp) : mmxReady(vp) else { return RoutineResult.fault }
    var source = lv_xmm_of(op.isMemory ? 0 : register64(vp, Int(op.pointee.b)), 0)
    if op.isMemory {
        let loaded = withUnsafeMutablePointer(to: &source) { loadOperand(vp, op, bytes: 2, aligned: false, into: $0) }
        guard loaded else { return RoutineResult.fault }
    }
    let word = lv_lane16(&source, 0)
    if wide {
        lv_set_lane16(vector(vp, op.pointee.a), immediateByte(op), word)
    } else {
        var value = lv_xmm_of(mmxRegister(vp, op.pointee.a), 0)
        lv_set_lane16(&value, immediateByte(op) & 3, word)
        setMMXRegister(vp, op.pointee.a, lv_lane64(&value, 0))
    }
    return RoutineResult.next
}

/// PMOVMSKB r32, mm/xmm.
private func byteMask(_ vp: VP, _ op: UOp) -> Int32 {
    let wide = op.has(LV_UOP_OPERAND66)
    guard wide ? sseReady(vp) : mmxReady(vp) else { return RoutineResult.fault }
    var source = wide ? vector(vp, op.pointee.b).pointee : lv_xmm_of(mmxRegister(vp, op.pointee.b), 0)
    setRegister64(vp, Int(op.pointee.a), UInt64(lv_pmovmskb(&source)))
    if !wide { enterMMX(vp) }
    return RoutineResult.next
}

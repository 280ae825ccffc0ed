import CHost

/// Routines of SSE and SSE2 arithmetic, comparison and logic (SDM vol. 1, 10.4 and 11.4.1).
func sseArithmeticRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .addps: return { floating($0, $1, bytes: 16, lv_addps) }
    case .addss: return { floating($0, $1, bytes: 4, lv_addss) }
    case .addpd: return { floating($0, $1, bytes: 16, lv_addpd) }
    case .addsd: return { floating($0, $1, bytes: 8, lv_addsd) }
    case .subps: return { floating($0, $1, bytes: 16, lv_subps) }
    case .subss: return { floating($0, $1, bytes: 4, lv_subss) }
    case .subpd: return { floating($0, $1, bytes: 16, lv_subpd) }
    case .subsd: return { floating($0, $1, bytes: 8, lv_subsd) }
    case .mulps: return { floating($0, $1, bytes: 16, lv_mulps) }
    case .mulss: return { floating($0, $1, bytes: 4, lv_mulss) }
    case .mulpd: return { floating($0, $1, bytes: 16, lv_mulpd) }
    case .mulsd: return { floating($0, $1, bytes: 8, lv_mulsd) }
    case .divps: return { floating($0, $1, bytes: 16, lv_divps) }
    case .divss: return { floating($0, $1, bytes: 4, lv_divss) }
    case .divpd: return { floating($0, $1, bytes: 16, lv_divpd) }
    case .divsd: return { floating($0, $1, bytes: 8, lv_divsd) }
    case .minps: return { floating($0, $1, bytes: 16, lv_minps) }
    case .minss: return { floating($0, $1, bytes: 4, lv_minss) }
    case .minpd: return { floating($0, $1, bytes: 16, lv_minpd) }
    case .minsd: return { floating($0, $1, bytes: 8, lv_minsd) }
    case .maxps: return { floating($0, $1, bytes: 16, lv_maxps) }
    case .maxss: return { floating($0, $1, bytes: 4, lv_maxss) }
    case .maxpd: return { floating($0, $1, bytes: 16, lv_maxpd) }
    case .maxsd: return { floating($0, $1, bytes: 8, lv_maxsd) }
    case .sqrtps: return { floating($0, $1, bytes: 16, lv_sqrtps) }
    case .sqrtss: return { floating($0, $1, bytes: 4, lv_sqrtss) }
    case .sqrtpd: return { floating($0, $1, bytes: 16, lv_sqrtpd) }
    case .sqrtsd: return { floating($0, $1, bytes: 8, lv_sqrtsd) }
    default: return sseLogicRoutine(operation) ?? sseCompareRoutine(operation)
    }
}

/// Logic, interleaving and the approximations: no flags.
private func sseLogicRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .rcpps: return { plainVector($0, $1, lv_rcpps) }
    case .rcpss: return { plainVector($0, $1, bytes: 4, lv_rcpss) }
    case .rsqrtps: return { plainVector($0, $1, lv_rsqrtps) }
    case .rsqrtss: return { plainVector($0, $1, bytes: 4, lv_rsqrtss) }
    case .andps, .andpd: return { plainVector($0, $1, lv_andps) }
    case .andnps, .andnpd: return { plainVector($0, $1, lv_andnps) }
    case .orps, .orpd: return { plainVector($0, $1, lv_orps) }
    case .xorps, .xorpd: return { plainVector($0, $1, lv_xorps) }
    case .unpcklps: return { plainVector($0, $1, lv_unpcklps) }
    case .unpckhps: return { plainVector($0, $1, lv_unpckhps) }
    case .unpcklpd: return { plainVector($0, $1, lv_unpcklpd) }
    case .unpckhpd: return { plainVector($0, $1, lv_unpckhpd) }
    case .movmskps: return { signMask($0, $1, lv_movmskps) }
    case .movmskpd: return { signMask($0, $1, lv_movmskpd) }
    default: return nil
    }
}

private func sseCompareRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .cmpps: return { vp, op in floating(vp, op, bytes: 16) { lv_cmpps($0, $1, immediateByte(op), $2) } }
    case .cmpss: return { vp, op in floating(vp, op, bytes: 4) { lv_cmpss($0, $1, immediateByte(op), $2) } }
    case .cmppd: return { vp, op in floating(vp, op, bytes: 16) { lv_cmppd($0, $1, immediateByte(op), $2) } }
    case .cmpsd: return { vp, op in floating(vp, op, bytes: 8) { lv_cmpsd($0, $1, immediateByte(op), $2) } }
    case .comiss: return { order($0, $1, bytes: 4, lv_comiss) }
    case .ucomiss: return { order($0, $1, bytes: 4, lv_ucomiss) }
    case .comisd: return { order($0, $1, bytes: 8, lv_comisd) }
    case .ucomisd: return { order($0, $1, bytes: 8, lv_ucomisd) }
    default: return nil
    }
}

/// MOVMSKPS and MOVMSKPD r32, xmm.
@inline(__always) private func signMask(_ vp: VP, _ op: UOp, _ kernel: (VectorSource) -> UInt32) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    setRegister64(vp, Int(op.pointee.a), UInt64(kernel(VectorSource(vector(vp, op.pointee.b)))))
    return RoutineResult.next
}

/// COMISS and its kin: CF PF ZF from the order, OF SF AF clear; none of them on an unmasked exception.
@inline(__always) private func order(
    _ vp: VP, _ op: UOp, bytes: Int, _ kernel: (VectorSource, VectorSource, UInt32, UnsafeMutablePointer<UInt64>) -> UInt32
) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    return withVectorSource(vp, op, bytes: bytes, aligned: false) { source in
        var flags: UInt64 = 0
        let result = settleSSE(vp, kernel(VectorSource(vector(vp, op.pointee.a)), source, vp.pointee.mxcsr, &flags))
        if _fastPath(result == RoutineResult.next) { setArithmeticFlags(vp, flags) }
        return result
    }
}

import CHost

/// Routines of the CVT family (SDM vol. 1, 11.4.1.6; AMD APM vol. 1, 4.6.3).
func sseConversionRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .cvtps2pd: return { floating($0, $1, bytes: 8, lv_cvtps2pd) }
    case .cvtpd2ps: return { floating($0, $1, bytes: 16, lv_cvtpd2ps) }
    case .cvtss2sd: return { floating($0, $1, bytes: 4, lv_cvtss2sd) }
    case .cvtsd2ss: return { floating($0, $1, bytes: 8, lv_cvtsd2ss) }
    case .cvtdq2ps: return { floating($0, $1, bytes: 16, lv_cvtdq2ps) }
    case .cvtps2dq: return { floating($0, $1, bytes: 16, lv_cvtps2dq) }
    case .cvttps2dq: return { floating($0, $1, bytes: 16, lv_cvttps2dq) }
    case .cvtpd2dq: return { floating($0, $1, bytes: 16, lv_cvtpd2dq) }
    case .cvttpd2dq: return { floating($0, $1, bytes: 16, lv_cvttpd2dq) }
    case .cvtdq2pd: return { plainVector($0, $1, bytes: 8, lv_cvtdq2pd) }
    case .cvtsi2ss: return { fromInteger($0, $1, lv_cvtsi2ss32, lv_cvtsi2ss64) }
    case .cvtsi2sd: return { fromInteger($0, $1, lv_cvtsi2sd32, lv_cvtsi2sd64) }
    case .cvtss2si: return { toInteger($0, $1, bytes: 4, lv_cvtss2si32, lv_cvtss2si64) }
    case .cvttss2si: return { toInteger($0, $1, bytes: 4, lv_cvttss2si32, lv_cvttss2si64) }
    case .cvtsd2si: return { toInteger($0, $1, bytes: 8, lv_cvtsd2si32, lv_cvtsd2si64) }
    case .cvttsd2si: return { toInteger($0, $1, bytes: 8, lv_cvttsd2si32, lv_cvttsd2si64) }
    case .cvtps2pi: return { toMMX($0, $1, bytes: 8, lv_cvtps2dq) }
    case .cvttps2pi: return { toMMX($0, $1, bytes: 8, lv_cvttps2dq) }
    case .cvtpd2pi: return { toMMX($0, $1, bytes: 16, lv_cvtpd2dq) }
    case .cvttpd2pi: return { toMMX($0, $1, bytes: 16, lv_cvttpd2dq) }
    case .cvtpi2ps: return { singlesFromMMX($0, $1) }
    case .cvtpi2pd: return { doublesFromMMX($0, $1) }
    default: return nil
    }
}

typealias FromIntegerKernel = (Vector, UInt64, UInt32) -> UInt32
typealias ToIntegerKernel = (UnsafeMutablePointer<UInt64>, VectorSource, UInt32) -> UInt32

/// CVTSI2SS and CVTSI2SD xmm, r/m32 or r/m64.
@inline(__always) private func fromInteger(_ vp: VP, _ op: UOp, _ narrow: FromIntegerKernel, _ wide: FromIntegerKernel) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let is64 = op.has(LV_UOP_REX_W)
    let integer: UInt64
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: is64 ? 8 : 4, write: false),
            let value = is64 ? load64(vp, address) : load32(vp, address)
        else { return RoutineResult.fault }
        integer = value
    } else {
        integer = register64(vp, Int(op.pointee.b))
    }
    let destination = vector(vp, op.pointee.a)
    return settleSSE(vp, is64 ? wide(destination, integer, vp.pointee.mxcsr) : narrow(destination, integer, vp.pointee.mxcsr))
}

/// CVT(T)SS2SI and CVT(T)SD2SI r32 or r64, xmm/m.
@inline(__always) private func toInteger(
    _ vp: VP, _ op: UOp, bytes: Int, _ narrow: ToIntegerKernel, _ wide: ToIntegerKernel
) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    return withVectorSource(vp, op, bytes: bytes, aligned: false) { source in
        var integer: UInt64 = 0
        let mxcsr = vp.pointee.mxcsr
        let result = settleSSE(vp, op.has(LV_UOP_REX_W) ? wide(&integer, source, mxcsr) : narrow(&integer, source, mxcsr))
        if _fastPath(result == RoutineResult.next) { setRegister64(vp, Int(op.pointee.a), integer) }
        return result
    }
}

/// CVT(T)PS2PI and CVT(T)PD2PI mm, xmm/m: the 128-bit conversion with nothing but zeros in what the result does not need.
@inline(__always) private func toMMX(
    _ vp: VP, _ op: UOp, bytes: Int, _ kernel: (Vector, VectorSource, UInt32) -> UInt32
) -> Int32 {
    guard sseReady(vp), mmxReady(vp) else { return RoutineResult.fault }
    return withVectorSource(vp, op, bytes: bytes, aligned: true) { source in
        var operand = bytes == 8 ? lv_xmm_of(lv_lane64(source, 0), 0) : source.pointee
        var value = lv_xmm()
        let result = settleSSE(vp, kernel(&value, &operand, vp.pointee.mxcsr))
        // The register file turns MMX even when #XM keeps the result back.
        enterMMX(vp)
        if result == RoutineResult.next { setMMXRegister(vp, op.pointee.a, lv_lane64(&value, 0)) }
        return result
    }
}

/// CVTPI2PS xmm, mm/m64: two integers into the low half. The memory form leaves the x87 state alone.
private func singlesFromMMX(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp), op.isMemory || mmxReady(vp) else { return RoutineResult.fault }
    var source = lv_xmm()
    guard loadMMXSource(vp, op, bytes: 8, &source) else { return RoutineResult.fault }
    var value = lv_xmm()
    let result = settleSSE(vp, lv_cvtdq2ps(&value, &source, vp.pointee.mxcsr))
    if result == RoutineResult.next {
        lv_set_lane64(vector(vp, op.pointee.a), 0, lv_lane64(&value, 0))
    }
    if !op.isMemory { enterMMX(vp) }
    return result
}

/// CVTPI2PD xmm, mm/m64: exact.
private func doublesFromMMX(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp), op.isMemory || mmxReady(vp) else { return RoutineResult.fault }
    var source = lv_xmm()
    guard loadMMXSource(vp, op, bytes: 8, &source) else { return RoutineResult.fault }
    lv_cvtdq2pd(vector(vp, op.pointee.a), &source)
    if !op.isMemory { enterMMX(vp) }
    return RoutineResult.next
}

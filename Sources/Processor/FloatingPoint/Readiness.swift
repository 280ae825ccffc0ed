import CHost

/// The bits of CR0 and CR4 that gate floating point (SDM vol. 3, 2.5), and FSW.ES.
enum FloatingPointGate {
    static let monitorCoprocessor: UInt64 = 1 << 1, emulation: UInt64 = 1 << 2, taskSwitched: UInt64 = 1 << 3
    static let fxsaveSupported: UInt64 = 1 << 9, simdExceptions: UInt64 = 1 << 10
    static let closed: UInt64 = emulation | taskSwitched
    static let errorSummary: UInt16 = 1 << 7
}

/// Whether an SSE instruction may run; if not, #UD or #NM is recorded (SDM vol. 3, 13.1.3 and table 2-2).
@inline(__always) func sseReady(_ vp: VP) -> Bool {
    if _fastPath(vp.pointee.cr0 & FloatingPointGate.closed == 0 && vp.pointee.cr4 & FloatingPointGate.fxsaveSupported != 0) {
        return true
    }
    return sseRefused(vp)
}

@inline(never) private func sseRefused(_ vp: VP) -> Bool {
    if vp.pointee.cr0 & FloatingPointGate.emulation != 0 || vp.pointee.cr4 & FloatingPointGate.fxsaveSupported == 0 {
        raiseUndefined(vp)
    } else {
        raise(vp, ExceptionVector.deviceNotAvailable)
    }
    return false
}

/// Whether an MMX instruction may run; if not, #UD, #NM or the #MF of an earlier x87 instruction is recorded (SDM vol. 3, 12.1).
@inline(__always) func mmxReady(_ vp: VP) -> Bool {
    if _fastPath(vp.pointee.cr0 & FloatingPointGate.closed == 0 && vp.pointee.fsw & FloatingPointGate.errorSummary == 0) { return true }
    if vp.pointee.cr0 & FloatingPointGate.emulation != 0 {
        raiseUndefined(vp)
        return false
    }
    return x87Ready(vp)
}

/// Whether a waiting x87 instruction may run; if not, #NM or #MF is recorded. With CR0.NE clear the real processor asserts
/// FERR# for a PIC that this machine does not wire; #MF is raised there too (a stated departure from SDM vol. 3, 2.5, "NE").
@inline(__always) func x87Ready(_ vp: VP) -> Bool {
    guard x87Enabled(vp) else { return false }
    if _slowPath(vp.pointee.fsw & FloatingPointGate.errorSummary != 0) {
        raise(vp, ExceptionVector.floatingPoint)
        return false
    }
    return true
}

/// The check of the non-waiting control instructions (FNSTSW, FNINIT …): #NM only.
@inline(__always) func x87Enabled(_ vp: VP) -> Bool {
    if _fastPath(vp.pointee.cr0 & FloatingPointGate.closed == 0) { return true }
    raise(vp, ExceptionVector.deviceNotAvailable)
    return false
}

/// Takes a floating kernel's result: MXCSR, and #XM when an unmasked exception is in it (#UD without CR4.OSXMMEXCPT).
@inline(__always) func settleSSE(_ vp: VP, _ result: UInt32) -> Int32 {
    vp.pointee.mxcsr = result & UInt32(LV_MXCSR_MASK)
    return _fastPath(result & LV_SSE_FAULT == 0) ? RoutineResult.next : raiseSSE(vp)
}

@inline(never) private func raiseSSE(_ vp: VP) -> Int32 {
    vp.pointee.cr4 & FloatingPointGate.simdExceptions != 0 ? raise(vp, ExceptionVector.simdFloatingPoint) : raiseUndefined(vp)
}

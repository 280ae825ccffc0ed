import CHost

/// HLT: the VP waits for an event; the run loop sees `halted`.
func executeHlt(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    vp.pointee.halted = 1
    return RoutineResult.end
}

/// CPUID.
func executeCpuid(_ vp: VP, _ op: UOp) -> Int32 {
    let words = registers(vp)
    let result = interpreter(vp).intercepts.cpuid(
        leaf: UInt32(truncatingIfNeeded: words[GeneralRegister.rax]), subleaf: UInt32(truncatingIfNeeded: words[GeneralRegister.rcx]))
    words[GeneralRegister.rax] = UInt64(result.eax)
    words[GeneralRegister.rbx] = UInt64(result.ebx)
    words[GeneralRegister.rcx] = UInt64(result.ecx)
    words[GeneralRegister.rdx] = UInt64(result.edx)
    return RoutineResult.next
}

/// RDTSC: CR4.TSD keeps it for CPL 0.
func executeRdtsc(_ vp: VP, _ op: UOp) -> Int32 {
    guard mayReadTimestamp(vp) else { return raiseProtection(vp) }
    setEDXEAX(vp, interpreter(vp).ungatedIntercepts.readTimestampCounter())
    return RoutineResult.next
}

/// RDTSCP: the same, with TSC_AUX in ECX.
func executeRdtscp(_ vp: VP, _ op: UOp) -> Int32 {
    guard mayReadTimestamp(vp) else { return raiseProtection(vp) }
    setEDXEAX(vp, interpreter(vp).ungatedIntercepts.readTimestampCounter())
    registers(vp)[GeneralRegister.rcx] = vp.pointee.tsc_aux & 0xffff_ffff
    return RoutineResult.next
}

private func mayReadTimestamp(_ vp: VP) -> Bool { vp.pointee.cr4 & CR4.timestampDisable == 0 || vp.pointee.cpl == 0 }

/// RDPMC: the model has no performance counters, so every index is out of range.
func executeRdpmc(_ vp: VP, _ op: UOp) -> Int32 { raiseProtection(vp) }

/// INVLPG: a non-canonical address is ignored, limits are not checked.
func executeInvlpg(_ vp: VP, _ op: UOp) -> Int32 {
    guard op.isMemory else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let segment = Int(op.pointee.segment)
    let offset = effectiveOffset(vp, op)
    let hasBase = !is64BitCode(vp) || segment >= LV_FS
    let linear = hasBase ? offset &+ segmentRegisters(vp)[segment].base : offset
    interpreter(vp).flushTranslation(of: is64BitCode(vp) ? linear : linear & 0xffff_ffff)
    return RoutineResult.end
}

/// INVD and WBINVD: there is no cache to lose.
func executeCacheInvalidate(_ vp: VP, _ op: UOp) -> Int32 {
    vp.pointee.cpl == 0 ? RoutineResult.next : raiseProtection(vp)
}

/// What the model does not have: MONITOR, MWAIT, RSM outside system management mode.
func executeAbsent(_ vp: VP, _ op: UOp) -> Int32 { raiseUndefined(vp) }

import CHost

/// RDMSR.
func executeRdmsr(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let index = UInt32(truncatingIfNeeded: registers(vp)[GeneralRegister.rcx])
    let value: UInt64
    if let kept = readKeptMSR(vp, index) {
        value = kept
    } else {
        switch interpreter(vp).intercepts.readMSR(index) {
        case .value(let answer): value = answer
        case .exception(let vector, let errorCode): return raise(vp, Int(vector), errorCode)
        }
    }
    setEDXEAX(vp, value)
    return RoutineResult.next
}

/// WRMSR.
func executeWrmsr(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let words = registers(vp)
    let index = UInt32(truncatingIfNeeded: words[GeneralRegister.rcx])
    let value = words[GeneralRegister.rdx] << 32 | words[GeneralRegister.rax] & 0xffff_ffff
    switch writeKeptMSR(vp, index, value) {
    case .written: return RoutineResult.end
    case .refused: return raiseProtection(vp)
    case .notKept: break
    }
    switch interpreter(vp).intercepts.writeMSR(index, value) {
    case .value: return RoutineResult.end
    case .exception(let vector, let errorCode): return raise(vp, Int(vector), errorCode)
    }
}

/// EDX:EAX, upper halves cleared.
func setEDXEAX(_ vp: VP, _ value: UInt64) {
    registers(vp)[GeneralRegister.rax] = value & 0xffff_ffff
    registers(vp)[GeneralRegister.rdx] = value >> 32
}

/// An MSR of `ArchitecturalMSR`; nil: not kept by the engine.
package func readKeptMSR(_ vp: VP, _ index: UInt32) -> UInt64? {
    let segments = segmentRegisters(vp)
    return switch index {
    case ArchitecturalMSR.sysenterCS: vp.pointee.sysenter_cs
    case ArchitecturalMSR.sysenterESP: vp.pointee.sysenter_esp
    case ArchitecturalMSR.sysenterEIP: vp.pointee.sysenter_eip
    case ArchitecturalMSR.pat: vp.pointee.pat
    case ArchitecturalMSR.efer: vp.pointee.efer
    case ArchitecturalMSR.star: vp.pointee.star
    case ArchitecturalMSR.lstar: vp.pointee.lstar
    case ArchitecturalMSR.cstar: vp.pointee.cstar
    case ArchitecturalMSR.sfmask: vp.pointee.sfmask
    case ArchitecturalMSR.fsBase: segments[LV_FS].base
    case ArchitecturalMSR.gsBase: segments[LV_GS].base
    case ArchitecturalMSR.kernelGSBase: vp.pointee.kernel_gs_base
    case ArchitecturalMSR.tscAux: vp.pointee.tsc_aux
    default: nil
    }
}

/// How a write to an MSR ended.
package enum MSRWrite {
    case written
    /// #GP(0): a reserved bit, a non-canonical address or a change that the mode forbids.
    case refused
    case notKept
}

/// Writes an MSR of `ArchitecturalMSR` with the checks of WRMSR.
package func writeKeptMSR(_ vp: VP, _ index: UInt32, _ value: UInt64) -> MSRWrite {
    let segments = segmentRegisters(vp)
    switch index {
    case ArchitecturalMSR.efer: return writeEFER(vp, value) ? .written : .refused
    case ArchitecturalMSR.pat:
        guard PageAttributeTable.isValid(value) else { return .refused }
        vp.pointee.pat = value
    case ArchitecturalMSR.sysenterCS: vp.pointee.sysenter_cs = value
    case ArchitecturalMSR.star: vp.pointee.star = value
    case ArchitecturalMSR.sfmask: vp.pointee.sfmask = value & 0xffff_ffff
    case ArchitecturalMSR.tscAux:
        guard value >> 32 == 0 else { return .refused }
        vp.pointee.tsc_aux = value
    case ArchitecturalMSR.sysenterESP, ArchitecturalMSR.sysenterEIP, ArchitecturalMSR.lstar, ArchitecturalMSR.cstar,
        ArchitecturalMSR.fsBase, ArchitecturalMSR.gsBase, ArchitecturalMSR.kernelGSBase:
        guard isCanonical(value) else { return .refused }
        switch index {
        case ArchitecturalMSR.sysenterESP: vp.pointee.sysenter_esp = value
        case ArchitecturalMSR.sysenterEIP: vp.pointee.sysenter_eip = value
        case ArchitecturalMSR.lstar: vp.pointee.lstar = value
        case ArchitecturalMSR.cstar: vp.pointee.cstar = value
        case ArchitecturalMSR.fsBase: segments[LV_FS].base = value
        case ArchitecturalMSR.gsBase: segments[LV_GS].base = value
        default: vp.pointee.kernel_gs_base = value
        }
    default: return .notKept
    }
    return .written
}

/// LME cannot change while paging is on; LMA is the processor's and ignored.
private func writeEFER(_ vp: VP, _ value: UInt64) -> Bool {
    let old = vp.pointee.efer
    guard value & ~(EFER.writable | EFER.longModeActive) == 0 else { return false }
    guard vp.pointee.cr0 & CR0.paging == 0 || (old ^ value) & EFER.longModeEnable == 0 else { return false }
    vp.pointee.efer = value & EFER.writable | old & EFER.longModeActive
    if (old ^ value) & EFER.noExecuteEnable != 0 { interpreter(vp).flushTranslations(keepGlobal: false) }
    interpreter(vp).modeChanged(vp)
    return true
}

import CHost

// SYSCALL, SYSRET, SYSENTER and SYSEXIT load CS and SS without reading descriptors: the hidden parts are constants (AMD APM vol. 2,
// 6.1). As on AMD processors SYSCALL works in every mode and SYSENTER and SYSEXIT not in long mode. One departure: SYSRET makes SS a
// flat writable segment, where early AMD processors leave its hidden part alone.

/// Flat segments for a privilege level.
private enum Flat {
    static func code(_ selector: UInt16, privilege: UInt16, isLong: Bool) -> lv_segment {
        let size = isLong ? SegmentAttributes.long : SegmentAttributes.big
        return lv_segment(
            base: 0, limit: UInt32.max, selector: selector,
            attributes: SegmentAttributes.code16 | SegmentAttributes.granular | size | privilege << 5)
    }

    static func stack(_ selector: UInt16, privilege: UInt16) -> lv_segment {
        lv_segment(
            base: 0, limit: UInt32.max, selector: selector,
            attributes: SegmentAttributes.data16 | SegmentAttributes.granular | SegmentAttributes.big | privilege << 5)
    }
}

private func enter(_ vp: VP, code: lv_segment, stack: lv_segment, privilege: UInt32, rip: UInt64) -> Int32 {
    segmentRegisters(vp)[LV_CS] = code
    segmentRegisters(vp)[LV_SS] = stack
    vp.pointee.cpl = privilege
    vp.pointee.rip = rip
    interpreter(vp).modeChanged(vp)
    return RoutineResult.jump
}

/// SYSCALL: to LSTAR from 64-bit mode, CSTAR from compatibility mode, STAR's EIP in legacy mode.
func executeSyscall(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.efer & EFER.systemCallExtensions != 0 else { return raiseUndefined(vp) }
    let next = nextInstruction(vp)
    let selector = UInt16(truncatingIfNeeded: vp.pointee.star >> 32) & 0xfffc
    let flags = materialisedFlags(vp)
    registers(vp)[GeneralRegister.rcx] = next
    if isLongModeActive(vp) {
        registers(vp)[GeneralRegister.r11] = flags & ~RFLAGS.resume
        let rip = is64BitCode(vp) ? vp.pointee.lstar : vp.pointee.cstar
        setFlags(vp, flags & ~(vp.pointee.sfmask | RFLAGS.resume))
        return enter(
            vp, code: Flat.code(selector, privilege: 0, isLong: true), stack: Flat.stack(selector &+ 8, privilege: 0), privilege: 0,
            rip: rip)
    }
    setFlags(vp, flags & ~(RFLAGS.virtual8086 | RFLAGS.interrupt | RFLAGS.resume))
    return enter(
        vp, code: Flat.code(selector, privilege: 0, isLong: false), stack: Flat.stack(selector &+ 8, privilege: 0), privilege: 0,
        rip: vp.pointee.star & 0xffff_ffff)
}

/// SYSRET: to 64-bit code with a 64-bit operand size, else to 32-bit code. RCX is not checked: a non-canonical one faults at CPL 3.
func executeSysret(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.efer & EFER.systemCallExtensions != 0 else { return raiseUndefined(vp) }
    guard isProtected(vp), vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let base = UInt16(truncatingIfNeeded: vp.pointee.star >> 48)
    let rcx = registers(vp)[GeneralRegister.rcx]
    let isLong = is64BitCode(vp) && op.log2Size == 3
    if isLongModeActive(vp) {
        setFlags(vp, registers(vp)[GeneralRegister.r11] & ~(RFLAGS.resume | RFLAGS.virtual8086))
    } else {
        setFlags(vp, materialisedFlags(vp) | RFLAGS.interrupt)
    }
    return enter(
        vp, code: Flat.code((isLong ? base &+ 16 : base) | 3, privilege: 3, isLong: isLong),
        stack: Flat.stack((base &+ 8) | 3, privilege: 3), privilege: 3, rip: isLong ? rcx : rcx & 0xffff_ffff)
}

/// SYSENTER: #UD in long mode.
func executeSysenter(_ vp: VP, _ op: UOp) -> Int32 {
    guard !isLongModeActive(vp) else { return raiseUndefined(vp) }
    let selector = UInt16(truncatingIfNeeded: vp.pointee.sysenter_cs) & 0xfffc
    guard isProtected(vp), selector != 0 else { return raiseProtection(vp) }
    setFlags(vp, materialisedFlags(vp) & ~(RFLAGS.virtual8086 | RFLAGS.interrupt | RFLAGS.resume))
    registers(vp)[GeneralRegister.rsp] = vp.pointee.sysenter_esp & 0xffff_ffff
    return enter(
        vp, code: Flat.code(selector, privilege: 0, isLong: false), stack: Flat.stack(selector &+ 8, privilege: 0), privilege: 0,
        rip: vp.pointee.sysenter_eip & 0xffff_ffff)
}

/// SYSEXIT: #UD in long mode.
func executeSysexit(_ vp: VP, _ op: UOp) -> Int32 {
    guard !isLongModeActive(vp) else { return raiseUndefined(vp) }
    let selector = UInt16(truncatingIfNeeded: vp.pointee.sysenter_cs) & 0xfffc
    guard isProtected(vp), selector != 0, vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    registers(vp)[GeneralRegister.rsp] = registers(vp)[GeneralRegister.rcx] & 0xffff_ffff
    return enter(
        vp, code: Flat.code((selector &+ 16) | 3, privilege: 3, isLong: false), stack: Flat.stack((selector &+ 24) | 3, privilege: 3),
        privilege: 3, rip: registers(vp)[GeneralRegister.rdx] & 0xffff_ffff)
}

/// SWAPGS: 64-bit mode, CPL 0.
func executeSwapgs(_ vp: VP, _ op: UOp) -> Int32 {
    guard is64BitCode(vp) else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let segments = segmentRegisters(vp)
    (segments[LV_GS].base, vp.pointee.kernel_gs_base) = (vp.pointee.kernel_gs_base, segments[LV_GS].base)
    return RoutineResult.next
}

import CHost

/// IRET, IRETD, IRETQ (AMD APM vol. 3, "IRET"). NMIs are let through again also when it faults in protected mode before the task check,
/// as on processors; a fault changes nothing else.
func executeIret(_ vp: VP, _ op: UOp) -> Int32 {
    if !isProtected(vp) { return iretInRealMode(vp, log2: op.log2Size) }
    if isVirtual8086(vp) {
        guard ioPrivilege(vp) == 3 else { return raiseProtection(vp) }
        return iretInRealMode(vp, log2: op.log2Size)
    }
    if materialisedFlags(vp) & RFLAGS.nestedTask != 0 {
        return isLongModeActive(vp) ? raiseProtection(vp) : refuseTaskSwitch(vp, "return from a nested task by IRET")
    }
    return iretInProtectedMode(vp, log2: op.log2Size)
}

/// Real and virtual-8086 mode: the latter cannot change IOPL, VM, VIF, VIP.
private func iretInRealMode(_ vp: VP, log2: Int) -> Int32 {
    var reader = StackReader(vp)
    guard let rip = reader.pop(vp, log2: log2), let selector = reader.pop(vp, log2: log2), let image = reader.pop(vp, log2: log2) else {
        return RoutineResult.fault
    }
    guard rip <= UInt64(segmentRegisters(vp)[LV_CS].limit) else { return raiseProtection(vp) }
    setStackPointer(vp, reader.pointer, mask: reader.mask)
    setParagraph(vp, LV_CS, UInt16(truncatingIfNeeded: selector))
    vp.pointee.rip = rip
    var changeable = RFLAGS.writable & ~(RFLAGS.virtual8086 | RFLAGS.virtualInterrupt | RFLAGS.virtualInterruptPending)
    if isVirtual8086(vp) { changeable &= ~RFLAGS.ioPrivilegeLevel }
    return finishReturn(vp, image, changeable, log2: log2)
}

/// Takes `changeable` bits of the popped flags, lets NMIs in, and has everything looked up anew.
private func finishReturn(_ vp: VP, _ image: UInt64, _ changeable: UInt64, log2: Int) -> Int32 {
    let mask = changeable & sizeMask(log2)
    setFlags(vp, materialisedFlags(vp) & ~mask | image & mask)
    vp.pointee.nmi_blocked = 0
    interpreter(vp).modeChanged(vp)
    return RoutineResult.jump
}

/// The flags IRET and POPF may change at a privilege level in protected mode; IRET has RF besides.
func changeableFlags(_ vp: VP) -> UInt64 {
    var mask = RFLAGS.arithmetic | RFLAGS.trap | RFLAGS.direction | RFLAGS.nestedTask | RFLAGS.alignmentCheck | RFLAGS.identification
    if vp.pointee.cpl <= ioPrivilege(vp) { mask |= RFLAGS.interrupt }
    if vp.pointee.cpl == 0 { mask |= RFLAGS.ioPrivilegeLevel }
    return mask
}

private func iretInProtectedMode(_ vp: VP, log2: Int) -> Int32 {
    var reader = StackReader(vp)
    guard let rip = reader.pop(vp, log2: log2), let word = reader.pop(vp, log2: log2), let image = reader.pop(vp, log2: log2) else {
        return RoutineResult.fault
    }
    if log2 == 2, image & RFLAGS.virtual8086 != 0, vp.pointee.cpl == 0, !isLongModeActive(vp) {
        return iretToVirtual8086(vp, rip, UInt16(truncatingIfNeeded: word), image, &reader)
    }
    let selector = UInt16(truncatingIfNeeded: word)
    guard let target = returnTarget(vp, selector) else { return RoutineResult.fault }
    // Which flags may change is decided by the level that executes IRET.
    var changeable = changeableFlags(vp) | RFLAGS.resume
    if vp.pointee.cpl == 0 { changeable |= RFLAGS.virtualInterrupt | RFLAGS.virtualInterruptPending }

    if Selector.privilege(selector) > vp.pointee.cpl || is64BitCode(vp) {
        guard let pointer = reader.pop(vp, log2: log2), let stackWord = reader.pop(vp, log2: log2) else { return RoutineResult.fault }
        guard isReachable(vp, target, rip) else { return raiseProtection(vp) }
        let stack = ReturnStack(selector: UInt16(truncatingIfNeeded: stackWord), pointer: pointer, log2: log2)
        guard returnOutward(vp, selector, target, rip, stack) else { return RoutineResult.fault }
    } else {
        var descriptor = target
        guard isReachable(vp, target, rip) else { return raiseProtection(vp) }
        guard markAccessed(vp, selector, &descriptor) else { return RoutineResult.fault }
        setStackPointer(vp, reader.pointer, mask: reader.mask)
        segmentRegisters(vp)[LV_CS] = descriptor.segment(selector: selector)
        vp.pointee.rip = rip
    }
    return finishReturn(vp, image, changeable, log2: log2)
}

/// From CPL 0 back into virtual-8086 mode: all segment registers come from the stack.
private func iretToVirtual8086(_ vp: VP, _ rip: UInt64, _ code: UInt16, _ image: UInt64, _ reader: inout StackReader) -> Int32 {
    guard let pointer = reader.pop(vp, log2: 2), let stack = reader.pop(vp, log2: 2), let extra = reader.pop(vp, log2: 2),
        let data = reader.pop(vp, log2: 2), let f = reader.pop(vp, log2: 2), let g = reader.pop(vp, log2: 2)
    else { return RoutineResult.fault }
    setFlags(vp, image & RFLAGS.writable)
    for (register, value) in [(LV_ES, extra), (LV_SS, stack), (LV_DS, data), (LV_FS, f), (LV_GS, g)] {
        setParagraph(vp, register, UInt16(truncatingIfNeeded: value))
    }
    setParagraph(vp, LV_CS, code)
    registers(vp)[GeneralRegister.rsp] = pointer
    vp.pointee.rip = rip & 0xffff
    vp.pointee.cpl = 3
    vp.pointee.nmi_blocked = 0
    interpreter(vp).modeChanged(vp)
    return RoutineResult.jump
}

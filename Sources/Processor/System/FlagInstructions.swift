import CHost

/// PUSHF: VM and RF are pushed as zero; in virtual-8086 mode it needs IOPL 3.
func executePushf(_ vp: VP, _ op: UOp) -> Int32 {
    if isVirtual8086(vp), ioPrivilege(vp) < 3 { return raiseProtection(vp) }
    var stack = TransferStack(current: vp)
    guard stack.prepare(vp, count: 1, log2: op.log2Size) else { return RoutineResult.fault }
    stack.push(vp, materialisedFlags(vp) & ~(RFLAGS.virtual8086 | RFLAGS.resume), log2: op.log2Size)
    setStackPointer(vp, stack.pointer, mask: stack.mask)
    return RoutineResult.next
}

/// POPF: IF follows IOPL, IOPL only changes at CPL 0; VM, VIF and VIP never change; RF is cleared.
func executePopf(_ vp: VP, _ op: UOp) -> Int32 {
    if isVirtual8086(vp), ioPrivilege(vp) < 3 { return raiseProtection(vp) }
    var reader = StackReader(vp)
    guard let image = reader.pop(vp, log2: op.log2Size) else { return RoutineResult.fault }
    setStackPointer(vp, reader.pointer, mask: reader.mask)
    let changeable = changeableFlags(vp) & sizeMask(op.log2Size)
    setFlags(vp, materialisedFlags(vp) & ~(changeable | RFLAGS.resume) | image & changeable)
    interpreter(vp).modeChanged(vp)
    return RoutineResult.end
}

/// CLI: needs CPL ≤ IOPL, in virtual-8086 mode IOPL 3.
func executeCli(_ vp: VP, _ op: UOp) -> Int32 {
    guard mayChangeInterrupts(vp) else { return raiseProtection(vp) }
    vp.pointee.rflags &= ~RFLAGS.interrupt
    return RoutineResult.end
}

/// STI: the instruction behind it runs before an interrupt can come.
func executeSti(_ vp: VP, _ op: UOp) -> Int32 {
    guard mayChangeInterrupts(vp) else { return raiseProtection(vp) }
    if vp.pointee.rflags & RFLAGS.interrupt == 0 {
        vp.pointee.rflags |= RFLAGS.interrupt
        vp.pointee.interrupt_shadow = InterruptShadow.interrupts
    }
    return RoutineResult.end
}

/// CPL is 3 in virtual-8086 mode, so that one comparison serves all modes.
private func mayChangeInterrupts(_ vp: VP) -> Bool { !isProtected(vp) || vp.pointee.cpl <= ioPrivilege(vp) }

import CHost

/// DR4 and DR5 are DR6 and DR7, or #UD with CR4.DE; DR8 up are #UD. nil: a fault is recorded, also for a lower privilege and, as #DB
/// with BD, for general detect.
private func debugRegister(_ vp: VP, _ op: UOp) -> Int? {
    let number = Int(op.pointee.a)
    guard number < 8, number != 4 && number != 5 || vp.pointee.cr4 & CR4.debuggingExtensions == 0 else {
        raiseUndefined(vp)
        return nil
    }
    guard vp.pointee.cpl == 0 else {
        raiseProtection(vp)
        return nil
    }
    let registers = debugRegisters(vp)
    guard registers[7] & DR7.generalDetect == 0 else {
        registers[6] |= DR6.registerAccess
        raise(vp, ExceptionVector.debug)
        return nil
    }
    return number == 4 || number == 5 ? number + 2 : number
}

/// MOV r, DRn.
func executeMovFromDR(_ vp: VP, _ op: UOp) -> Int32 {
    guard let number = debugRegister(vp, op) else { return RoutineResult.fault }
    let value = debugRegisters(vp)[number]
    registers(vp)[Int(op.pointee.b)] = is64BitCode(vp) ? value : value & 0xffff_ffff
    return RoutineResult.next
}

/// MOV DRn, r.
func executeMovToDR(_ vp: VP, _ op: UOp) -> Int32 {
    guard let number = debugRegister(vp, op) else { return RoutineResult.fault }
    let source = registers(vp)[Int(op.pointee.b)]
    let value = is64BitCode(vp) ? source : source & 0xffff_ffff
    switch number {
    case 6:
        guard value >> 32 == 0 else { return raiseProtection(vp) }
        debugRegisters(vp)[6] = value & DR6.writable | DR6.fixed
    case 7:
        guard value >> 32 == 0 else { return raiseProtection(vp) }
        debugRegisters(vp)[7] = value & DR7.writable | DR7.fixed
    default: debugRegisters(vp)[number] = value
    }
    // Which pages are watched may have changed.
    interpreter(vp).flushTranslations(keepGlobal: false)
    interpreter(vp).modeChanged(vp)
    return RoutineResult.end
}

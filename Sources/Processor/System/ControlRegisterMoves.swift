import CHost

/// CR0, CR2, CR3, CR4 and CR8; all others are #UD.
private func isControlRegister(_ number: UInt8) -> Bool {
    switch number {
    case 0, 2, 3, 4, 8: true
    default: false
    }
}

/// MOV r, CRn.
func executeMovFromCR(_ vp: VP, _ op: UOp) -> Int32 {
    let value: UInt64
    guard isControlRegister(op.pointee.a) else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    switch op.pointee.a {
    case 0: value = vp.pointee.cr0
    case 2: value = vp.pointee.cr2
    case 3: value = vp.pointee.cr3
    case 4: value = vp.pointee.cr4
    default: value = UInt64(interpreter(vp).intercepts.readTaskPriority() & 0xf)
    }
    registers(vp)[Int(op.pointee.b)] = is64BitCode(vp) ? value : value & 0xffff_ffff
    return RoutineResult.next
}

/// MOV CRn, r, with every check of the new value (AMD APM vol. 2, 3.1; vol. 3, "MOV CRn").
func executeMovToCR(_ vp: VP, _ op: UOp) -> Int32 {
    guard isControlRegister(op.pointee.a) else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let register = registers(vp)[Int(op.pointee.b)]
    let value = is64BitCode(vp) ? register : register & 0xffff_ffff
    switch op.pointee.a {
    case 0: return writeCR0(vp, value)
    case 2: vp.pointee.cr2 = value
    case 3: return writeCR3(vp, value)
    case 4: return writeCR4(vp, value)
    default:
        guard value <= 0xf else { return raiseProtection(vp) }
        vp.pointee.cr8 = value
        interpreter(vp).intercepts.writeTaskPriority(UInt8(value))
        return RoutineResult.end
    }
    return RoutineResult.next
}

/// LMSW: the low four bits of CR0; PE cannot be cleared.
func executeLmsw(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    guard let word = loadOperand16(vp, op) else { return RoutineResult.fault }
    let keep = vp.pointee.cr0 & (~CR0.machineStatusWord | CR0.protectionEnable)
    return writeCR0(vp, keep | UInt64(word) & CR0.machineStatusWord)
}

/// SMSW: CR0 in the operand size to a register, its low word to memory, at any level.
func executeSmsw(_ vp: VP, _ op: UOp) -> Int32 {
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: 2, write: true), store16(vp, address, vp.pointee.cr0) else {
            return RoutineResult.fault
        }
    } else {
        setRegisterSized(vp, Int(op.pointee.b), log2: op.log2Size, rex: true, vp.pointee.cr0)
    }
    return RoutineResult.next
}

/// CLTS.
func executeClts(_ vp: VP, _ op: UOp) -> Int32 {
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    vp.pointee.cr0 &= ~CR0.taskSwitched
    interpreter(vp).modeChanged(vp)
    return RoutineResult.end
}

/// Reads an r/m16 operand; nil: a fault is recorded.
func loadOperand16(_ vp: VP, _ op: UOp) -> UInt16? {
    guard op.isMemory else { return UInt16(truncatingIfNeeded: registers(vp)[Int(op.pointee.b)]) }
    guard let address = operandAddress(vp, op, bytes: 2, write: false), let value = load16(vp, address) else { return nil }
    return UInt16(truncatingIfNeeded: value)
}

/// Protection, paging and, with EFER.LME, long mode go on and off here.
private func writeCR0(_ vp: VP, _ value: UInt64) -> Int32 {
    let old = vp.pointee.cr0
    let new = value & CR0.defined | CR0.extensionType
    let isPaging = new & CR0.paging != 0
    guard value >> 32 == 0, !isPaging || new & CR0.protectionEnable != 0,
        new & CR0.notWriteThrough == 0 || new & CR0.cacheDisable != 0
    else { return raiseProtection(vp) }
    let wasPaging = old & CR0.paging != 0
    var efer = vp.pointee.efer
    if isPaging, !wasPaging, efer & EFER.longModeEnable != 0 {
        // Long mode needs PAE, and starts in compatibility mode: CS.L must be clear.
        guard vp.pointee.cr4 & CR4.physicalAddressExtension != 0,
            segmentRegisters(vp)[LV_CS].attributes & SegmentAttributes.long == 0
        else { return raiseProtection(vp) }
        efer |= EFER.longModeActive
    } else if !isPaging, wasPaging {
        guard !is64BitCode(vp) else { return raiseProtection(vp) }
        efer &= ~EFER.longModeActive
    }
    if isPaging, efer & EFER.longModeActive == 0, (old ^ new) & (CR0.paging | CR0.cacheDisable | CR0.notWriteThrough) != 0,
        !checkPageDirectoryPointers(vp, cr3: vp.pointee.cr3, cr4: vp.pointee.cr4)
    {
        return raiseProtection(vp)
    }
    vp.pointee.cr0 = new
    vp.pointee.efer = efer
    if (old ^ new) & (CR0.paging | CR0.writeProtect | CR0.protectionEnable) != 0 { interpreter(vp).flushTranslations(keepGlobal: false) }
    interpreter(vp).modeChanged(vp)
    return RoutineResult.end
}

private func writeCR3(_ vp: VP, _ value: UInt64) -> Int32 {
    if isLongModeActive(vp) {
        guard value >> UInt64(AddressWidth.physical) == 0 else { return raiseProtection(vp) }
    } else if vp.pointee.cr0 & CR0.paging != 0, !checkPageDirectoryPointers(vp, cr3: value, cr4: vp.pointee.cr4) {
        return raiseProtection(vp)
    }
    vp.pointee.cr3 = value
    interpreter(vp).flushTranslations(keepGlobal: true)
    return RoutineResult.end
}

private func writeCR4(_ vp: VP, _ value: UInt64) -> Int32 {
    let old = vp.pointee.cr4
    guard value & ~CR4.supported == 0, !isLongModeActive(vp) || value & CR4.physicalAddressExtension != 0 else {
        return raiseProtection(vp)
    }
    let translating = CR4.pageSizeExtension | CR4.physicalAddressExtension | CR4.globalPages
    if vp.pointee.cr0 & CR0.paging != 0, !isLongModeActive(vp), (old ^ value) & translating != 0,
        !checkPageDirectoryPointers(vp, cr3: vp.pointee.cr3, cr4: value)
    {
        return raiseProtection(vp)
    }
    vp.pointee.cr4 = value
    if (old ^ value) & translating != 0 { interpreter(vp).flushTranslations(keepGlobal: false) }
    interpreter(vp).modeChanged(vp)
    return RoutineResult.end
}

/// The four PDPTEs of legacy PAE paging are checked when CR0, CR3 or CR4 bring them into use. False: a present one has reserved bits.
private func checkPageDirectoryPointers(_ vp: VP, cr3: UInt64, cr4: UInt64) -> Bool {
    guard cr4 & CR4.physicalAddressExtension != 0 else { return true }
    let reserved: UInt64 = ~((1 << UInt64(AddressWidth.physical)) - 1) | 0x1e6
    for index in 0..<UInt64(4) {
        guard let entry = interpreter(vp).loadPhysical64(cr3 & 0xffff_ffe0 &+ index * 8) else { continue }
        if entry & 1 != 0, entry & reserved != 0 { return false }
    }
    return true
}

import CHost

// Instructions about descriptor tables and descriptors (AMD APM vol. 3, chapter 4).

// MARK: LGDT, LIDT, SGDT, SIDT

func executeLgdt(_ vp: VP, _ op: UOp) -> Int32 { loadTable(vp, op) { vp, table in vp.pointee.gdtr = table } }
func executeLidt(_ vp: VP, _ op: UOp) -> Int32 { loadTable(vp, op) { vp, table in vp.pointee.idtr = table } }
func executeSgdt(_ vp: VP, _ op: UOp) -> Int32 { storeTable(vp, op, vp.pointee.gdtr) }
func executeSidt(_ vp: VP, _ op: UOp) -> Int32 { storeTable(vp, op, vp.pointee.idtr) }

private func loadTable(_ vp: VP, _ op: UOp, _ set: (VP, lv_table) -> Void) -> Int32 {
    guard op.isMemory else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    let isWide = is64BitCode(vp)
    guard let address = operandAddress(vp, op, bytes: isWide ? 10 : 6, write: false), let limit = load16(vp, address),
        var base = loadSized(vp, systemLinear(vp, address &+ 2), log2: isWide ? 3 : 2)
    else { return RoutineResult.fault }
    if isWide {
        guard isCanonical(base) else { return raiseProtection(vp) }
    } else if op.log2Size == 1 {
        base &= 0xff_ffff
    }
    set(vp, lv_table(base: base, limit: UInt32(limit), reserved: 0))
    return RoutineResult.next
}

private func storeTable(_ vp: VP, _ op: UOp, _ table: lv_table) -> Int32 {
    guard op.isMemory else { return raiseUndefined(vp) }
    let isWide = is64BitCode(vp)
    let bytes = isWide ? 10 : 6
    guard let address = operandAddress(vp, op, bytes: bytes, write: true), prepareStore(vp, address, bytes: bytes),
        store16(vp, address, UInt64(table.limit)),
        storeSized(vp, systemLinear(vp, address &+ 2), table.base, log2: isWide ? 3 : 2)
    else { return RoutineResult.fault }
    return RoutineResult.next
}

// MARK: SLDT, STR, LLDT, LTR

func executeSldt(_ vp: VP, _ op: UOp) -> Int32 { storeSystemSelector(vp, op, LV_LDTR) }
func executeStr(_ vp: VP, _ op: UOp) -> Int32 { storeSystemSelector(vp, op, LV_TR) }

private func storeSystemSelector(_ vp: VP, _ op: UOp, _ register: Int) -> Int32 {
    guard !hasRealSegments(vp) else { return raiseUndefined(vp) }
    return storeSelector(vp, op, segmentRegisters(vp)[register].selector)
}

/// A selector to a register of the operand size, zero-extended, or to two bytes of memory.
func storeSelector(_ vp: VP, _ op: UOp, _ selector: UInt16) -> Int32 {
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: 2, write: true), store16(vp, address, UInt64(selector)) else {
            return RoutineResult.fault
        }
    } else {
        setRegisterSized(vp, Int(op.pointee.b), log2: op.log2Size, rex: true, UInt64(selector))
    }
    return RoutineResult.next
}

func executeLldt(_ vp: VP, _ op: UOp) -> Int32 {
    guard !hasRealSegments(vp) else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    guard let selector = loadOperand16(vp, op) else { return RoutineResult.fault }
    if Selector.isNull(selector) {
        segmentRegisters(vp)[LV_LDTR] = nullSegment(selector)
        return RoutineResult.next
    }
    guard let descriptor = readSystemDescriptor(vp, selector, types: [SystemType.ldt]) else { return RoutineResult.fault }
    segmentRegisters(vp)[LV_LDTR] = descriptor.segment(selector: selector)
    return RoutineResult.next
}

func executeLtr(_ vp: VP, _ op: UOp) -> Int32 {
    guard !hasRealSegments(vp) else { return raiseUndefined(vp) }
    guard vp.pointee.cpl == 0 else { return raiseProtection(vp) }
    guard let selector = loadOperand16(vp, op) else { return RoutineResult.fault }
    guard !Selector.isNull(selector) else { return raiseProtection(vp) }
    let types = isLongModeActive(vp) ? [SystemType.availableTSS] : [SystemType.availableTSS16, SystemType.availableTSS]
    guard var descriptor = readSystemDescriptor(vp, selector, types: types),
        let address = descriptorAddress(vp, selector, fault: ExceptionVector.generalProtection)
    else { return RoutineResult.fault }
    // Busy is bit 1 of the type.
    descriptor.low |= 1 << 41
    guard systemStore8(vp, address &+ 5, descriptor.low >> 40 & 0xff) else { return RoutineResult.fault }
    segmentRegisters(vp)[LV_TR] = descriptor.segment(selector: selector)
    return RoutineResult.next
}

/// A present system descriptor of the GDT, 16 bytes in long mode. nil: a fault is recorded.
private func readSystemDescriptor(_ vp: VP, _ selector: UInt16, types: [Int]) -> Descriptor? {
    let code = Selector.errorCode(selector)
    guard !Selector.isLocal(selector) else {
        raiseProtection(vp, code)
        return nil
    }
    let found =
        isLongModeActive(vp)
        ? readWideDescriptor(vp, selector, fault: ExceptionVector.generalProtection)
        : readDescriptor(vp, selector, fault: ExceptionVector.generalProtection)
    guard let descriptor = found else { return nil }
    guard descriptor.isSystem, types.contains(descriptor.type), !isLongModeActive(vp) || isCanonical(descriptor.base) else {
        raiseProtection(vp, code)
        return nil
    }
    guard descriptor.isPresent else {
        raise(vp, ExceptionVector.segmentNotPresent, code)
        return nil
    }
    return descriptor
}

// MARK: LAR, LSL, VERR, VERW, ARPL

/// What LAR, LSL, VERR and VERW learn of a selector; only page faults fault.
private enum Inspection {
    case visible(Descriptor)
    case hidden
    case faulted
}

/// System types that LAR and LSL accept, as sets of bits (APM vol. 3, "LAR", "LSL").
private enum VisibleTypes {
    static let none: UInt32 = 0
    /// LDT, 32- or 64-bit TSS.
    static let limitLong: UInt32 = 1 << 2 | 1 << 9 | 1 << 0xb
    /// And 16-bit TSS.
    static let limitLegacy: UInt32 = limitLong | 1 << 1 | 1 << 3
    /// And call gates.
    static let rightsLong: UInt32 = limitLong | 1 << 0xc
    /// And 16-bit call gates and task gates.
    static let rightsLegacy: UInt32 = limitLegacy | 1 << 0xc | 1 << 4 | 1 << 5
}

/// Reads a descriptor for inspection. `systemTypes`: the set of system types the instruction accepts.
private func inspect(_ vp: VP, _ selector: UInt16, systemTypes: UInt32) -> Inspection {
    guard !Selector.isNull(selector) else { return .hidden }
    let fault = ExceptionVector.generalProtection
    guard let address = descriptorAddress(vp, selector, fault: fault) else {
        vp.pointee.fault.pending = 0
        return .hidden
    }
    guard let low = systemLoad64(vp, address) else { return .faulted }
    let descriptor = Descriptor(low: low)
    if descriptor.isSystem {
        guard systemTypes >> UInt32(descriptor.type) & 1 != 0 else { return .hidden }
    } else if descriptor.isConforming {
        return .visible(descriptor)
    }
    return descriptor.privilege >= max(vp.pointee.cpl, Selector.privilege(selector)) ? .visible(descriptor) : .hidden
}

private func setZero(_ vp: VP, _ isSet: Bool) {
    let flags = materialisedFlags(vp)
    setFlags(vp, isSet ? flags | RFLAGS.zero : flags & ~RFLAGS.zero)
}

/// LAR: bits 23-8 of the descriptor's upper doubleword.
func executeLar(_ vp: VP, _ op: UOp) -> Int32 {
    let types = isLongModeActive(vp) ? VisibleTypes.rightsLong : VisibleTypes.rightsLegacy
    return inspectInto(vp, op, systemTypes: types) { descriptor in descriptor.low >> 32 & 0xff_ff00 }
}

/// LSL: the limit in bytes.
func executeLsl(_ vp: VP, _ op: UOp) -> Int32 {
    let types = isLongModeActive(vp) ? VisibleTypes.limitLong : VisibleTypes.limitLegacy
    return inspectInto(vp, op, systemTypes: types) { descriptor in UInt64(descriptor.limit) }
}

private func inspectInto(_ vp: VP, _ op: UOp, systemTypes: UInt32, _ value: (Descriptor) -> UInt64) -> Int32 {
    guard !hasRealSegments(vp) else { return raiseUndefined(vp) }
    guard let selector = loadOperand16(vp, op) else { return RoutineResult.fault }
    switch inspect(vp, selector, systemTypes: systemTypes) {
    case .faulted: return RoutineResult.fault
    case .hidden: setZero(vp, false)
    case .visible(let descriptor):
        setRegisterSized(vp, Int(op.pointee.a), log2: op.log2Size, rex: true, value(descriptor))
        setZero(vp, true)
    }
    return RoutineResult.next
}

func executeVerr(_ vp: VP, _ op: UOp) -> Int32 { verify(vp, op) { descriptor in descriptor.isReadable } }
func executeVerw(_ vp: VP, _ op: UOp) -> Int32 { verify(vp, op) { descriptor in descriptor.isWritableData } }

private func verify(_ vp: VP, _ op: UOp, _ test: (Descriptor) -> Bool) -> Int32 {
    guard !hasRealSegments(vp) else { return raiseUndefined(vp) }
    guard let selector = loadOperand16(vp, op) else { return RoutineResult.fault }
    switch inspect(vp, selector, systemTypes: VisibleTypes.none) {
    case .faulted: return RoutineResult.fault
    case .hidden: setZero(vp, false)
    case .visible(let descriptor): setZero(vp, test(descriptor))
    }
    return RoutineResult.next
}

/// ARPL: raises the RPL of the first selector to that of the second; protected mode only.
func executeArpl(_ vp: VP, _ op: UOp) -> Int32 {
    guard !hasRealSegments(vp) else { return raiseUndefined(vp) }
    let requested = UInt16(truncatingIfNeeded: registers(vp)[Int(op.pointee.a)]) & 3
    var target: UInt64?
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: 2, write: true), prepareStore(vp, address, bytes: 2) else {
            return RoutineResult.fault
        }
        target = address
    }
    guard let selector = target.map({ load16(vp, $0).map { UInt16(truncatingIfNeeded: $0) } }) ?? loadOperand16(vp, op) else {
        return RoutineResult.fault
    }
    guard selector & 3 < requested else {
        setZero(vp, false)
        return RoutineResult.next
    }
    let raised = UInt64(selector & ~3 | requested)
    if let target {
        guard store16(vp, target, raised) else { return RoutineResult.fault }
    } else {
        setRegisterSized(vp, Int(op.pointee.b), log2: 1, rex: false, raised)
    }
    setZero(vp, true)
    return RoutineResult.next
}

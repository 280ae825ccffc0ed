import CHost

/// The code segment a gate leads to and the level it runs at.
struct GateTarget {
    var selector: UInt16
    var descriptor: Descriptor
    var privilege: UInt32

    /// CS as loaded: RPL is the new level.
    var segment: lv_segment { descriptor.segment(selector: selector & ~3 | UInt16(privilege)) }
}

/// Reads and checks an IDT gate's code segment. nil: a fault is recorded.
private func gateTarget(_ vp: VP, _ event: Event, _ selector: UInt16) -> GateTarget? {
    let code = Selector.errorCode(selector) | event.external
    guard !Selector.isNull(selector) else {
        raiseProtection(vp, event.external)
        return nil
    }
    let fault = ExceptionVector.generalProtection
    guard let descriptor = readDescriptor(vp, selector, fault: fault, external: event.external) else { return nil }
    guard descriptor.isCode, descriptor.privilege <= vp.pointee.cpl, !isLongModeActive(vp) || descriptor.isLong && !descriptor.isBig else {
        raiseProtection(vp, code)
        return nil
    }
    guard descriptor.isPresent else {
        raise(vp, ExceptionVector.segmentNotPresent, code)
        return nil
    }
    let privilege = descriptor.isConforming ? vp.pointee.cpl : descriptor.privilege
    // From virtual-8086 mode only a gate to level 0 is allowed.
    guard !isVirtual8086(vp) || privilege == 0 else {
        raiseProtection(vp, code)
        return nil
    }
    return GateTarget(selector: selector, descriptor: descriptor, privilege: privilege)
}

/// Presence and, for software interrupts, privilege of a gate.
private func checkGate(_ vp: VP, _ event: Event, _ gate: Gate) -> Bool {
    guard event.kind != .software || gate.privilege >= vp.pointee.cpl else {
        raiseProtection(vp, event.gateErrorCode)
        return false
    }
    guard gate.isPresent else {
        raise(vp, ExceptionVector.segmentNotPresent, event.gateErrorCode)
        return false
    }
    return true
}

/// Flags behind a gate: interrupt gates clear IF too.
private func enterHandler(_ vp: VP, isInterruptGate: Bool) {
    var cleared = RFLAGS.trap | RFLAGS.nestedTask | RFLAGS.resume | RFLAGS.virtual8086
    if isInterruptGate { cleared |= RFLAGS.interrupt }
    setFlags(vp, materialisedFlags(vp) & ~cleared)
}

/// Long mode: 16-byte gates; SS and RSP are always pushed, on a stack aligned to 16 bytes (APM vol. 2, 8.9).
func deliverInLongMode(_ vp: VP, _ event: Event) -> DeliveryResult {
    let offset = UInt64(event.vector) * 16
    guard offset + 15 <= UInt64(vp.pointee.idtr.limit) else {
        raiseProtection(vp, event.gateErrorCode)
        return .faulted
    }
    let address = vp.pointee.idtr.base &+ offset
    guard let low = systemLoad64(vp, address), let high = systemLoad64(vp, address &+ 8) else { return .faulted }
    let gate = Gate(low: low, high: high & 0xffff_ffff)
    guard gate.type == SystemType.interruptGate || gate.type == SystemType.trapGate else {
        raiseProtection(vp, event.gateErrorCode)
        return .faulted
    }
    guard checkGate(vp, event, gate), var target = gateTarget(vp, event, gate.selector) else { return .faulted }
    guard isCanonical(gate.offset64) else {
        raiseProtection(vp, event.external)
        return .faulted
    }

    var pointer = registers(vp)[GeneralRegister.rsp]
    let isInner = target.privilege < vp.pointee.cpl
    if gate.interruptStack != 0 || isInner {
        let index = gate.interruptStack
        let field = index != 0 ? TaskStateSegment.interruptStack(index) : TaskStateSegment.stack64(target.privilege)
        guard let value = readTaskState(vp, field, bytes: 8, external: event.external) else { return .faulted }
        pointer = value
    }
    guard isCanonical(pointer) else {
        raise(vp, ExceptionVector.stack, event.external)
        return .faulted
    }
    var stack = TransferStack(flat: pointer & ~15, privilege: target.privilege, errorCode: event.external)
    guard stack.prepare(vp, count: event.errorCode == nil ? 5 : 6, log2: 3),
        markAccessed(vp, target.selector, &target.descriptor)
    else { return .faulted }

    let segments = segmentRegisters(vp)
    stack.push(vp, UInt64(segments[LV_SS].selector), log2: 3)
    stack.push(vp, registers(vp)[GeneralRegister.rsp], log2: 3)
    stack.push(vp, flagsImage(vp, event), log2: 3)
    stack.push(vp, UInt64(segments[LV_CS].selector), log2: 3)
    stack.push(vp, event.returnAddress, log2: 3)
    if let errorCode = event.errorCode { stack.push(vp, UInt64(errorCode), log2: 3) }

    if isInner { segments[LV_SS] = nullSegment(UInt16(target.privilege), privilege: target.privilege) }
    segments[LV_CS] = target.segment
    vp.pointee.cpl = target.privilege
    registers(vp)[GeneralRegister.rsp] = stack.pointer
    vp.pointee.rip = gate.offset64
    enterHandler(vp, isInterruptGate: gate.type == SystemType.interruptGate)
    return .delivered
}

/// Protected mode: 16- and 32-bit gates, with a stack from the TSS when the level changes (APM vol. 2, 8.7).
func deliverInProtectedMode(_ vp: VP, _ event: Event) -> DeliveryResult {
    let offset = UInt64(event.vector) * 8
    guard offset + 7 <= UInt64(vp.pointee.idtr.limit) else {
        raiseProtection(vp, event.gateErrorCode)
        return .faulted
    }
    guard let low = systemLoad64(vp, systemLinear(vp, vp.pointee.idtr.base &+ offset)) else { return .faulted }
    let gate = Gate(low: low, high: 0)
    switch gate.type {
    case SystemType.taskGate:
        guard checkGate(vp, event, gate) else { return .faulted }
        refuseTaskSwitch(vp, "task switch through a task gate of the IDT")
        return .refused
    case SystemType.interruptGate16, SystemType.trapGate16, SystemType.interruptGate, SystemType.trapGate:
        guard checkGate(vp, event, gate), let target = gateTarget(vp, event, gate.selector) else { return .faulted }
        return enterProtectedHandler(vp, event, gate, target)
    default:
        raiseProtection(vp, event.gateErrorCode)
        return .faulted
    }
}

private func enterProtectedHandler(_ vp: VP, _ event: Event, _ gate: Gate, _ found: GateTarget) -> DeliveryResult {
    var target = found
    let is32 = gate.type & 8 != 0
    let log2 = is32 ? 2 : 1
    let entry = is32 ? gate.offset32 : gate.offset32 & 0xffff
    let isInner = target.privilege < vp.pointee.cpl
    let from8086 = isVirtual8086(vp)
    let segments = segmentRegisters(vp)

    var stack = TransferStack(current: vp, external: event.external)
    var count = 3 + (event.errorCode == nil ? 0 : 1)
    if isInner {
        guard let inner = innerStack(vp, privilege: target.privilege, external: event.external) else { return .faulted }
        stack = inner
        count += from8086 ? 6 : 2
    }
    guard entry <= UInt64(target.descriptor.limit) else {
        raiseProtection(vp, event.external)
        return .faulted
    }
    guard stack.prepare(vp, count: count, log2: log2), markAccessed(vp, target.selector, &target.descriptor) else { return .faulted }

    if isInner {
        if from8086 {
            for register in [LV_GS, LV_FS, LV_DS, LV_ES] { stack.push(vp, UInt64(segments[register].selector), log2: log2) }
        }
        stack.push(vp, UInt64(segments[LV_SS].selector), log2: log2)
        stack.push(vp, registers(vp)[GeneralRegister.rsp], log2: log2)
    }
    stack.push(vp, flagsImage(vp, event), log2: log2)
    stack.push(vp, UInt64(segments[LV_CS].selector), log2: log2)
    stack.push(vp, event.returnAddress, log2: log2)
    if let errorCode = event.errorCode { stack.push(vp, UInt64(errorCode), log2: log2) }

    if from8086 {
        for register in [LV_GS, LV_FS, LV_DS, LV_ES] { segments[register] = nullSegment(0) }
    }
    if isInner { segments[LV_SS] = stack.segment }
    setStackPointer(vp, stack.pointer, mask: stack.mask)
    segments[LV_CS] = target.segment
    vp.pointee.cpl = target.privilege
    vp.pointee.rip = entry
    enterHandler(vp, isInterruptGate: gate.type & 1 == 0)
    return .delivered
}

/// The stack of an inner level, from a 16- or 32-bit TSS, checked and with its descriptor marked accessed. nil: a fault is recorded.
func innerStack(_ vp: VP, privilege: UInt32, external: UInt32) -> TransferStack? {
    let is32 = segmentRegisters(vp)[LV_TR].attributes & 8 != 0
    let field = is32 ? TaskStateSegment.stack32(privilege) : TaskStateSegment.stack16(privilege)
    let width = is32 ? 4 : 2
    // Pointer and selector are one field for the limit check.
    guard readTaskState(vp, field + UInt64(width), bytes: 2, external: external) != nil,
        let pointer = readTaskState(vp, field, bytes: width, external: external),
        let word = readTaskState(vp, field + UInt64(width), bytes: 2, external: external)
    else { return nil }
    let selector = UInt16(truncatingIfNeeded: word)
    guard !Selector.isNull(selector) else {
        raise(vp, ExceptionVector.invalidTSS, external)
        return nil
    }
    guard var descriptor = readDescriptor(vp, selector, fault: ExceptionVector.invalidTSS, external: external),
        checkStackSegment(vp, selector, descriptor, privilege: privilege, fault: ExceptionVector.invalidTSS, external: external),
        markAccessed(vp, selector, &descriptor)
    else { return nil }
    return TransferStack(
        inner: descriptor.segment(selector: selector), pointer: pointer, privilege: privilege,
        errorCode: Selector.errorCode(selector) | external)
}

import CHost

// JMP and CALL to another code segment (AMD APM vol. 3, "CALL (Far)", "JMP (Far)"; vol. 2, 4.11).
//
// Departure from Intel processors, as the AMD manual has it: m16:64 does not exist; REX.W on a far memory operand is ignored.

/// JMP ptr16:16, ptr16:32.
func executeJmpFar(_ vp: VP, _ op: UOp) -> Int32 {
    transfer(vp, UInt16(truncatingIfNeeded: op.pointee.displacement), offset(op), log2: op.log2Size, isCall: false)
}

/// CALL ptr16:16, ptr16:32.
func executeCallFar(_ vp: VP, _ op: UOp) -> Int32 {
    transfer(vp, UInt16(truncatingIfNeeded: op.pointee.displacement), offset(op), log2: op.log2Size, isCall: true)
}

/// JMP m16:16, m16:32.
func executeJmpFarIndirect(_ vp: VP, _ op: UOp) -> Int32 {
    guard let pointer = loadFarPointer(vp, op) else { return RoutineResult.fault }
    return transfer(vp, pointer.selector, pointer.offset, log2: min(op.log2Size, 2), isCall: false)
}

/// CALL m16:16, m16:32.
func executeCallFarIndirect(_ vp: VP, _ op: UOp) -> Int32 {
    guard let pointer = loadFarPointer(vp, op) else { return RoutineResult.fault }
    return transfer(vp, pointer.selector, pointer.offset, log2: min(op.log2Size, 2), isCall: true)
}

/// Offset of an immediate far pointer.
private func offset(_ op: UOp) -> UInt64 { UInt64(UInt32(bitPattern: op.pointee.immediate)) & sizeMask(op.log2Size) }

/// Reads a far pointer from memory: the offset, then the selector. nil: a fault is recorded.
func loadFarPointer(_ vp: VP, _ op: UOp) -> (selector: UInt16, offset: UInt64)? {
    let log2 = min(op.log2Size, 2)
    guard let address = operandAddress(vp, op, bytes: 2 + 1 << log2, write: false),
        let offset = loadSized(vp, address, log2: log2),
        let selector = load16(vp, systemLinear(vp, address &+ 1 << UInt64(log2)))
    else { return nil }
    return (UInt16(truncatingIfNeeded: selector), offset)
}

private func transfer(_ vp: VP, _ selector: UInt16, _ offset: UInt64, log2: Int, isCall: Bool) -> Int32 {
    if hasRealSegments(vp) { return transferToParagraph(vp, selector, offset, log2: log2, isCall: isCall) }
    guard !Selector.isNull(selector) else { return raiseProtection(vp) }
    guard let descriptor = readDescriptor(vp, selector, fault: ExceptionVector.generalProtection) else { return RoutineResult.fault }
    if !descriptor.isSystem {
        return transferDirectly(vp, selector, descriptor, offset, log2: log2, isCall: isCall)
    }
    let code = Selector.errorCode(selector)
    let isLong = isLongModeActive(vp)
    switch descriptor.type {
    case SystemType.callGate16 where !isLong, SystemType.callGate:
        guard descriptor.privilege >= max(vp.pointee.cpl, Selector.privilege(selector)) else { return raiseProtection(vp, code) }
        var high: UInt64 = 0
        if isLong {
            guard let wide = readWideDescriptor(vp, selector, fault: ExceptionVector.generalProtection) else { return RoutineResult.fault }
            high = wide.high
        }
        guard descriptor.isPresent else { return raise(vp, ExceptionVector.segmentNotPresent, code) }
        return transferThroughGate(vp, Gate(low: descriptor.low, high: high), isCall: isCall)
    case SystemType.availableTSS16 where !isLong, SystemType.availableTSS where !isLong, SystemType.taskGate where !isLong:
        guard descriptor.privilege >= max(vp.pointee.cpl, Selector.privilege(selector)) else { return raiseProtection(vp, code) }
        guard descriptor.isPresent else { return raise(vp, ExceptionVector.segmentNotPresent, code) }
        return refuseTaskSwitch(vp, "task switch by a far \(isCall ? "call" : "jump")")
    default:
        return raiseProtection(vp, code)
    }
}

/// Real and virtual-8086 mode.
private func transferToParagraph(_ vp: VP, _ selector: UInt16, _ offset: UInt64, log2: Int, isCall: Bool) -> Int32 {
    let limit = isVirtual8086(vp) ? 0xffff : segmentRegisters(vp)[LV_CS].limit
    guard offset <= UInt64(limit) else { return raiseProtection(vp) }
    if isCall, !pushReturnAddress(vp, TransferStack(current: vp), log2: log2) { return RoutineResult.fault }
    setParagraph(vp, LV_CS, selector)
    vp.pointee.rip = offset
    interpreter(vp).modeChanged(vp)
    return RoutineResult.jump
}

/// Pushes CS and the address of the next instruction and moves RSP. False: a fault is recorded.
private func pushReturnAddress(_ vp: VP, _ target: TransferStack, log2: Int) -> Bool {
    var stack = target
    guard stack.prepare(vp, count: 2, log2: log2) else { return false }
    stack.push(vp, UInt64(segmentRegisters(vp)[LV_CS].selector), log2: log2)
    stack.push(vp, nextInstruction(vp), log2: log2)
    setStackPointer(vp, stack.pointer, mask: stack.mask)
    return true
}

/// To a code segment at the present level.
private func transferDirectly(
    _ vp: VP, _ selector: UInt16, _ found: Descriptor, _ offset: UInt64, log2: Int, isCall: Bool
) -> Int32 {
    var descriptor = found
    let code = Selector.errorCode(selector)
    let privilege = vp.pointee.cpl
    let isAllowed =
        descriptor.isConforming
        ? descriptor.privilege <= privilege
        : Selector.privilege(selector) <= privilege && descriptor.privilege == privilege
    guard descriptor.isCode, isAllowed, !isLongModeActive(vp) || !(descriptor.isLong && descriptor.isBig) else {
        return raiseProtection(vp, code)
    }
    guard descriptor.isPresent else { return raise(vp, ExceptionVector.segmentNotPresent, code) }
    guard isReachable(vp, descriptor, offset) else { return raiseProtection(vp) }
    guard markAccessed(vp, selector, &descriptor) else { return RoutineResult.fault }
    if isCall, !pushReturnAddress(vp, TransferStack(current: vp), log2: log2) { return RoutineResult.fault }
    segmentRegisters(vp)[LV_CS] = descriptor.segment(selector: selector & ~3 | UInt16(privilege))
    vp.pointee.rip = offset
    interpreter(vp).modeChanged(vp)
    return RoutineResult.jump
}

/// Canonical in a 64-bit code segment, within the limit of any other.
func isReachable(_ vp: VP, _ code: Descriptor, _ offset: UInt64) -> Bool {
    isLongModeActive(vp) && code.isLong ? isCanonical(offset) : offset <= UInt64(code.limit)
}

/// Through a call gate: a jump at the same level, a call at the same or an inner one.
private func transferThroughGate(_ vp: VP, _ gate: Gate, isCall: Bool) -> Int32 {
    let isLong = isLongModeActive(vp)
    let log2 = isLong ? 3 : gate.type == SystemType.callGate ? 2 : 1
    let offset = isLong ? gate.offset64 : gate.offset32 & sizeMask(log2)
    let selector = gate.selector
    guard !Selector.isNull(selector) else { return raiseProtection(vp) }
    guard var descriptor = readDescriptor(vp, selector, fault: ExceptionVector.generalProtection) else { return RoutineResult.fault }
    let code = Selector.errorCode(selector)
    let isAllowed = isCall || descriptor.isConforming ? descriptor.privilege <= vp.pointee.cpl : descriptor.privilege == vp.pointee.cpl
    guard descriptor.isCode, isAllowed, !isLong || descriptor.isLong && !descriptor.isBig else { return raiseProtection(vp, code) }
    guard descriptor.isPresent else { return raise(vp, ExceptionVector.segmentNotPresent, code) }
    guard isReachable(vp, descriptor, offset) else { return raiseProtection(vp) }
    let privilege = isCall && !descriptor.isConforming ? descriptor.privilege : vp.pointee.cpl

    if privilege < vp.pointee.cpl {
        guard let stack = prepareInnerCall(vp, gate, privilege: privilege, log2: log2), markAccessed(vp, selector, &descriptor) else {
            return RoutineResult.fault
        }
        enterInnerStack(vp, stack, gate, log2: log2)
    } else {
        guard markAccessed(vp, selector, &descriptor) else { return RoutineResult.fault }
        if isCall {
            // In long mode the frame is that of 64-bit code, also when compatibility mode calls.
            let pointer = registers(vp)[GeneralRegister.rsp]
            let stack = isLong ? TransferStack(flat: pointer, privilege: vp.pointee.cpl, errorCode: 0) : TransferStack(current: vp)
            guard pushReturnAddress(vp, stack, log2: log2) else { return RoutineResult.fault }
        }
    }
    segmentRegisters(vp)[LV_CS] = descriptor.segment(selector: selector & ~3 | UInt16(privilege))
    vp.pointee.cpl = privilege
    vp.pointee.rip = offset
    interpreter(vp).modeChanged(vp)
    return RoutineResult.jump
}

/// Finds the inner stack and checks the whole frame and, for legacy gates, that the parameters can be read. nil: a fault is recorded.
private func prepareInnerCall(_ vp: VP, _ gate: Gate, privilege: UInt32, log2: Int) -> TransferStack? {
    if isLongModeActive(vp) {
        guard let pointer = readTaskState(vp, TaskStateSegment.stack64(privilege), bytes: 8, external: 0) else { return nil }
        guard isCanonical(pointer) else {
            raise(vp, ExceptionVector.stack, 0)
            return nil
        }
        let stack = TransferStack(flat: pointer, privilege: privilege, errorCode: 0)
        return stack.prepare(vp, count: 4, log2: 3) ? stack : nil
    }
    guard let stack = innerStack(vp, privilege: privilege, external: 0) else { return nil }
    var reader = StackReader(vp)
    for _ in 0..<gate.parameterCount where reader.pop(vp, log2: log2) == nil { return nil }
    return stack.prepare(vp, count: 4 + gate.parameterCount, log2: log2) ? stack : nil
}

/// Writes the frame of an inner call and makes the stack current: SS, RSP, parameters in their order, CS, RIP.
private func enterInnerStack(_ vp: VP, _ prepared: TransferStack, _ gate: Gate, log2: Int) {
    var stack = prepared
    let segments = segmentRegisters(vp)
    let isLong = isLongModeActive(vp)
    stack.push(vp, UInt64(segments[LV_SS].selector), log2: log2)
    stack.push(vp, registers(vp)[GeneralRegister.rsp], log2: log2)
    if !isLong {
        let size = UInt64(1) << UInt64(log2)
        for index in (0..<UInt64(gate.parameterCount)).reversed() {
            var reader = StackReader(vp)
            reader.skip(index * size)
            stack.push(vp, reader.pop(vp, log2: log2) ?? 0, log2: log2)
        }
    }
    stack.push(vp, UInt64(segments[LV_CS].selector), log2: log2)
    stack.push(vp, nextInstruction(vp), log2: log2)
    segments[LV_SS] = isLong ? nullSegment(UInt16(stack.privilege), privilege: stack.privilege) : stack.segment
    setStackPointer(vp, stack.pointer, mask: stack.mask)
}

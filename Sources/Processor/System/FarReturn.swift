import CHost

/// RETF.
func executeRetFar(_ vp: VP, _ op: UOp) -> Int32 { farReturn(vp, log2: op.log2Size, release: 0) }

/// RETF imm16: releases that many bytes of parameters, on both stacks when the level changes.
func executeRetFarImmediate(_ vp: VP, _ op: UOp) -> Int32 {
    farReturn(vp, log2: op.log2Size, release: UInt64(UInt16(truncatingIfNeeded: op.pointee.immediate)))
}

private func farReturn(_ vp: VP, log2: Int, release: UInt64) -> Int32 {
    var reader = StackReader(vp)
    guard let rip = reader.pop(vp, log2: log2), let word = reader.pop(vp, log2: log2) else { return RoutineResult.fault }
    let selector = UInt16(truncatingIfNeeded: word)
    reader.skip(release)
    if hasRealSegments(vp) {
        guard rip <= UInt64(segmentRegisters(vp)[LV_CS].limit) else { return raiseProtection(vp) }
        setStackPointer(vp, reader.pointer, mask: reader.mask)
        setParagraph(vp, LV_CS, selector)
        vp.pointee.rip = rip
        interpreter(vp).modeChanged(vp)
        return RoutineResult.jump
    }
    guard let target = returnTarget(vp, selector) else { return RoutineResult.fault }
    guard isReachable(vp, target, rip) else { return raiseProtection(vp) }
    if Selector.privilege(selector) == vp.pointee.cpl {
        var descriptor = target
        guard markAccessed(vp, selector, &descriptor) else { return RoutineResult.fault }
        setStackPointer(vp, reader.pointer, mask: reader.mask)
        segmentRegisters(vp)[LV_CS] = descriptor.segment(selector: selector)
        vp.pointee.rip = rip
        interpreter(vp).modeChanged(vp)
        return RoutineResult.jump
    }
    guard let pointer = reader.pop(vp, log2: log2), let stackWord = reader.pop(vp, log2: log2) else { return RoutineResult.fault }
    let stack = ReturnStack(selector: UInt16(truncatingIfNeeded: stackWord), pointer: pointer, log2: log2, release: release)
    return returnOutward(vp, selector, target, rip, stack) ? RoutineResult.jump : RoutineResult.fault
}

/// Checks the code segment that RET or IRET goes back to (APM vol. 2, 4.11.3). nil: a fault is recorded.
func returnTarget(_ vp: VP, _ selector: UInt16) -> Descriptor? {
    guard !Selector.isNull(selector) else {
        raiseProtection(vp)
        return nil
    }
    guard let descriptor = readDescriptor(vp, selector, fault: ExceptionVector.generalProtection) else { return nil }
    let code = Selector.errorCode(selector)
    let requested = Selector.privilege(selector)
    guard descriptor.isCode, requested >= vp.pointee.cpl,
        descriptor.isConforming ? descriptor.privilege <= requested : descriptor.privilege == requested,
        !isLongModeActive(vp) || !(descriptor.isLong && descriptor.isBig)
    else {
        raiseProtection(vp, code)
        return nil
    }
    guard descriptor.isPresent else {
        raise(vp, ExceptionVector.segmentNotPresent, code)
        return nil
    }
    return descriptor
}

/// The stack that RET or IRET goes back to.
struct ReturnStack {
    var selector: UInt16
    var pointer: UInt64
    var log2: Int
    /// Bytes of parameters RET releases.
    var release: UInt64 = 0
}

/// Loads CS, RIP, SS and RSP of an outer level, or of 64-bit IRET's own one. False: a fault is recorded, nothing has changed.
func returnOutward(_ vp: VP, _ selector: UInt16, _ found: Descriptor, _ rip: UInt64, _ stack: ReturnStack) -> Bool {
    var target = found
    let privilege = Selector.privilege(selector)
    let isFlat = isLongModeActive(vp) && target.isLong
    var segment: lv_segment
    if Selector.isNull(stack.selector) {
        guard isFlat, privilege < 3, Selector.privilege(stack.selector) == privilege else {
            raiseProtection(vp)
            return false
        }
        segment = nullSegment(stack.selector, privilege: privilege)
    } else {
        guard var descriptor = readDescriptor(vp, stack.selector, fault: ExceptionVector.generalProtection),
            checkStackSegment(vp, stack.selector, descriptor, privilege: privilege, fault: ExceptionVector.generalProtection),
            markAccessed(vp, stack.selector, &descriptor)
        else { return false }
        segment = descriptor.segment(selector: stack.selector)
    }
    guard markAccessed(vp, selector, &target) else { return false }

    let isOuter = privilege > vp.pointee.cpl
    segmentRegisters(vp)[LV_CS] = target.segment(selector: selector)
    segmentRegisters(vp)[LV_SS] = segment
    vp.pointee.cpl = privilege
    vp.pointee.rip = rip
    let mask: UInt64 = isFlat ? UInt64.max : segment.attributes & SegmentAttributes.big != 0 ? 0xffff_ffff : 0xffff
    if stack.log2 == 3, mask == 0xffff_ffff {
        registers(vp)[GeneralRegister.rsp] = stack.pointer &+ stack.release
    } else {
        setStackPointer(vp, stack.pointer &+ stack.release, mask: mask)
    }
    if isOuter { dropPrivilegedSegments(vp, privilege: privilege) }
    interpreter(vp).modeChanged(vp)
    return true
}

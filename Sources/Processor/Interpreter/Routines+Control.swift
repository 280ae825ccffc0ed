import CHost

/// Goes to a near target after the check that the manual demands at the branch (canonical form; code limit).
private func goTo(_ vp: VP, _ target: UInt64) -> Int32 {
    guard mayGoTo(vp, target) else { return raiseProtection(vp) }
    vp.pointee.rip = target
    return RoutineResult.jump
}

private func mayGoTo(_ vp: VP, _ target: UInt64) -> Bool {
    vp.pointee.mode == 2 ? isCanonical(target) : target <= UInt64(segmentPointer(vp, Int(LV_CS)).pointee.limit)
}

/// Cuts an address to the operand size of a branch.
private func cut(_ op: UOp, _ address: UInt64) -> UInt64 { address & sizeMask(max(1, op.log2Size)) }

private func relativeTarget(_ vp: VP, _ op: UOp) -> UInt64 {
    cut(op, vp.pointee.rip &+ UInt64(op.pointee.length) &+ UInt64(bitPattern: Int64(op.pointee.displacement)))
}

/// The count register of LOOP and JCXZ, by address size.
private func counterMask(_ op: UOp) -> UInt64 { op.has(LV_UOP_ADDRESS32) ? 0xffff_ffff : op.has(LV_UOP_ADDRESS16) ? 0xffff : ~0 }

private func loop(_ vp: VP, _ op: UOp, _ wanted: Bool?) -> Int32 {
    let mask = counterMask(op)
    let count = (register64(vp, 1) &- 1) & mask
    let taken = count != 0 && (wanted == nil || zeroFlag(vp) == wanted)
    let target = taken ? relativeTarget(vp, op) : followingRIP(vp)
    guard mayGoTo(vp, target) else { return raiseProtection(vp) }
    setRegister64(vp, 1, mask == 0xffff ? register64(vp, 1) & ~0xffff | count : count)
    vp.pointee.rip = target
    return RoutineResult.jump
}

/// Near branches.
func controlRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .jcc: { vp, op in goTo(vp, condition(vp, Int(op.pointee.immediate)) ? relativeTarget(vp, op) : followingRIP(vp)) }
    case .jmp: { vp, op in goTo(vp, relativeTarget(vp, op)) }
    case .jmpIndirect:
        { vp, op in
            guard let target = readRM(vp, op, log2: op.log2Size) else { return RoutineResult.fault }
            return goTo(vp, target)
        }
    case .call:
        { vp, op in
            let target = relativeTarget(vp, op)
            guard mayGoTo(vp, target) else { return raiseProtection(vp) }
            guard push(vp, followingRIP(vp), log2: op.log2Size) else { return RoutineResult.fault }
            vp.pointee.rip = target
            return RoutineResult.jump
        }
    case .callIndirect:
        { vp, op in
            guard let target = readRM(vp, op, log2: op.log2Size) else { return RoutineResult.fault }
            // The stack is checked before the target and written behind it: its fault comes first.
            let pointer = (register64(vp, 4) &- UInt64(op.size)) & stackMask(vp)
            guard let linear = segmentAddress(vp, segment: Int(LV_SS), offset: pointer, bytes: op.size, write: true),
                prepareStore(vp, linear, bytes: op.size)
            else { return RoutineResult.fault }
            guard mayGoTo(vp, target) else { return raiseProtection(vp) }
            guard push(vp, followingRIP(vp), log2: op.log2Size) else { return RoutineResult.fault }
            vp.pointee.rip = target
            return RoutineResult.jump
        }
    case .ret: { vp, op in returnNear(vp, op, 0) }
    case .retImmediate: { vp, op in returnNear(vp, op, immediate(op) & 0xffff) }
    case .loop: { vp, op in loop(vp, op, nil) }
    case .loope: { vp, op in loop(vp, op, true) }
    case .loopne: { vp, op in loop(vp, op, false) }
    case .jcxz: { vp, op in goTo(vp, register64(vp, 1) & counterMask(op) == 0 ? relativeTarget(vp, op) : followingRIP(vp)) }
    default: nil
    }
}

private func returnNear(_ vp: VP, _ op: UOp, _ extra: UInt64) -> Int32 {
    guard let target = peekStack(vp, log2: op.log2Size) else { return RoutineResult.fault }
    guard mayGoTo(vp, target) else { return raiseProtection(vp) }
    dropStack(vp, bytes: UInt64(op.size) &+ extra)
    vp.pointee.rip = target
    return RoutineResult.jump
}

/// Flags, decimal adjustment, hints.
func flagRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .undefined:
        { vp, op in
            // The decoder leaves another vector in the immediate: 13 for an instruction of more than 15 bytes.
            op.pointee.immediate == Int32(ExceptionVector.generalProtection) ? raiseProtection(vp) : raiseUndefined(vp)
        }
    case .nop, .pause, .prefetch: { _, _ in RoutineResult.next }
    case .lfence, .mfence, .sfence:
        { _, _ in
            lv_fence()
            return RoutineResult.next
        }
    case .clflush:
        { vp, op in
            guard let linear = operandAddress(vp, op, bytes: 1, write: false), load8(vp, linear) != nil else { return RoutineResult.fault }
            return RoutineResult.next
        }
    case .cmc:
        { vp, _ in
            setArithmeticFlags(vp, arithmeticFlags(vp) ^ RFLAGS.carry)
            return RoutineResult.next
        }
    case .clc:
        { vp, _ in
            setArithmeticFlags(vp, arithmeticFlags(vp) & ~RFLAGS.carry)
            return RoutineResult.next
        }
    case .stc:
        { vp, _ in
            setArithmeticFlags(vp, arithmeticFlags(vp) | RFLAGS.carry)
            return RoutineResult.next
        }
    case .cld:
        { vp, _ in
            vp.pointee.rflags &= ~RFLAGS.direction
            return RoutineResult.next
        }
    case .std:
        { vp, _ in
            vp.pointee.rflags |= RFLAGS.direction
            return RoutineResult.next
        }
    case .lahf:
        { vp, _ in
            setRegister8(vp, 4, rex: false, UInt8(truncatingIfNeeded: arithmeticFlags(vp) & 0xd5 | 2))
            return RoutineResult.next
        }
    case .sahf:
        { vp, _ in
            let value = UInt64(register8(vp, 4, rex: false))
            setArithmeticFlags(vp, arithmeticFlags(vp) & RFLAGS.overflow | value & 0xd5)
            return RoutineResult.next
        }
    case .salc:
        { vp, _ in
            setRegister8(vp, 0, rex: true, carryFlag(vp) != 0 ? 0xff : 0)
            return RoutineResult.next
        }
    default: decimalRoutine(operation)
    }
}

/// AAA AAS AAD AAM DAA DAS (SDM vol. 2); OF after the adjustments is undefined and cleared.
private func decimalRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .aaa: { vp, _ in adjustUnpacked(vp, add: true) }
    case .aas: { vp, _ in adjustUnpacked(vp, add: false) }
    case .aad:
        { vp, op in
            let al = register64(vp, 0) & 0xff
            let ah = register64(vp, 0) &>> 8 & 0xff
            let result = (al &+ ah &* (immediate(op) & 0xff)) & 0xff
            setRegisterSized(vp, 0, log2: 1, rex: true, result)
            setExplicit(vp, signExtend(result, 0), 0)
            return RoutineResult.next
        }
    case .aam:
        { vp, op in
            let divisor = immediate(op) & 0xff
            if divisor == 0 { return raise(vp, ExceptionVector.divideError) }
            let al = register64(vp, 0) & 0xff
            setRegisterSized(vp, 0, log2: 1, rex: true, (al / divisor) &<< 8 | al % divisor)
            setExplicit(vp, signExtend(al % divisor, 0), 0)
            return RoutineResult.next
        }
    case .daa: { vp, _ in adjustPacked(vp, add: true) }
    case .das: { vp, _ in adjustPacked(vp, add: false) }
    default: nil
    }
}

private func adjustUnpacked(_ vp: VP, add: Bool) -> Int32 {
    let flags = arithmeticFlags(vp)
    var ax = register64(vp, 0) & 0xffff
    let adjust = ax & 0xf > 9 || flags & RFLAGS.auxiliary != 0
    if adjust { ax = add ? ax &+ 0x106 : (ax &- 6) &- 0x100 }
    ax &= 0xff0f
    setRegisterSized(vp, 0, log2: 1, rex: true, ax)
    setExplicit(vp, signExtend(ax, 0), adjust ? RFLAGS.carry | RFLAGS.auxiliary : 0)
    return RoutineResult.next
}

private func adjustPacked(_ vp: VP, add: Bool) -> Int32 {
    let flags = arithmeticFlags(vp)
    let old = register64(vp, 0) & 0xff
    var al = old
    var others: UInt64 = 0
    if old & 0xf > 9 || flags & RFLAGS.auxiliary != 0 {
        al = add ? al &+ 6 : al &- 6
        others |= RFLAGS.auxiliary
        if al > 0xff || flags & RFLAGS.carry != 0 { others |= RFLAGS.carry }
    }
    if old > 0x99 || flags & RFLAGS.carry != 0 {
        al = add ? al &+ 0x60 : al &- 0x60
        others |= RFLAGS.carry
    }
    setRegister8(vp, 0, rex: true, UInt8(truncatingIfNeeded: al))
    setExplicit(vp, signExtend(al, 0), others)
    return RoutineResult.next
}

import CHost

/// MOV, extensions, LEA, exchanges, conditional moves.
func moveRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .mov:
        { vp, op in
            let log2 = op.log2Size
            if op.has(LV_UOP_TO_REGISTER) {
                guard let value = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
                writeReg(vp, op, log2: log2, value)
                return RoutineResult.next
            }
            return writeRM(vp, op, log2: log2, readReg(vp, op, log2: log2)) ? RoutineResult.next : RoutineResult.fault
        }
    case .movImmediate:
        { vp, op in
            let value = op.has(LV_UOP_WIDE) ? op.constant64 : immediate(op)
            return writeRM(vp, op, log2: op.log2Size, value) ? RoutineResult.next : RoutineResult.fault
        }
    case .movOffsetLoad:
        { vp, op in
            let log2 = op.log2Size
            guard let linear = segmentAddress(vp, segment: Int(op.pointee.segment), offset: op.constant64, bytes: 1 &<< log2, write: false),
                let value = loadSized(vp, linear, log2: log2)
            else { return RoutineResult.fault }
            setRegisterSized(vp, 0, log2: log2, rex: true, value)
            return RoutineResult.next
        }
    case .movOffsetStore:
        { vp, op in
            let log2 = op.log2Size
            guard let linear = segmentAddress(vp, segment: Int(op.pointee.segment), offset: op.constant64, bytes: 1 &<< log2, write: true),
                storeSized(vp, linear, registerSized(vp, 0, log2: log2, rex: true), log2: log2)
            else { return RoutineResult.fault }
            return RoutineResult.next
        }
    case .movnti:
        { vp, op in
            writeRM(vp, op, log2: op.log2Size, readReg(vp, op, log2: op.log2Size)) ? RoutineResult.next : RoutineResult.fault
        }
    case .movzx:
        { vp, op in
            guard let value = readRM(vp, op, log2: Int(op.pointee.immediate)) else { return RoutineResult.fault }
            writeReg(vp, op, log2: op.log2Size, value)
            return RoutineResult.next
        }
    case .movsx:
        { vp, op in
            let source = Int(op.pointee.immediate)
            guard let value = readRM(vp, op, log2: source) else { return RoutineResult.fault }
            writeReg(vp, op, log2: op.log2Size, signExtend(value, source))
            return RoutineResult.next
        }
    case .movsxd:
        { vp, op in
            // Without REX.W a plain move of the operand size (APM vol. 3).
            guard let value = readRM(vp, op, log2: min(2, op.log2Size)) else { return RoutineResult.fault }
            writeReg(vp, op, log2: op.log2Size, signExtend(value, min(2, op.log2Size)))
            return RoutineResult.next
        }
    case .lea:
        { vp, op in
            writeReg(vp, op, log2: op.log2Size, effectiveOffset(vp, op))
            return RoutineResult.next
        }
    case .xchg:
        { vp, op in
            let log2 = op.log2Size
            let value = readReg(vp, op, log2: log2)
            guard let old = updateRM(vp, op, log2: log2, locked: true, { _ in value }) else { return RoutineResult.fault }
            writeReg(vp, op, log2: log2, old)
            return RoutineResult.next
        }
    case .xadd:
        { vp, op in
            let log2 = op.log2Size
            let b = signExtend(readReg(vp, op, log2: log2), log2)
            guard let old = updateRM(vp, op, log2: log2, { $0 &+ b }) else { return RoutineResult.fault }
            // The sum is written last: XADD of a register with itself doubles it.
            let a = signExtend(old, log2)
            let sum = signExtend(a &+ b, log2)
            writeReg(vp, op, log2: log2, old)
            if !op.isMemory { setRegisterSized(vp, Int(op.pointee.b), log2: log2, rex: op.has(LV_UOP_REX), sum) }
            setLazy(vp, FlagsKind.add, sum, a, b)
            return RoutineResult.next
        }
    case .cmpxchg:
        { vp, op in
            let log2 = op.log2Size
            let a = signExtend(registerSized(vp, 0, log2: log2, rex: true), log2)
            let new = readReg(vp, op, log2: log2)
            let expected = a & sizeMask(log2)
            let old: UInt64
            if op.isMemory {
                guard let value = updateRM(vp, op, log2: log2, { $0 == expected ? new : $0 }) else { return RoutineResult.fault }
                old = value
            } else {
                // A register that differs is not written: its upper half stays.
                let number = Int(op.pointee.b)
                old = registerSized(vp, number, log2: log2, rex: op.has(LV_UOP_REX))
                if old == expected { setRegisterSized(vp, number, log2: log2, rex: op.has(LV_UOP_REX), new) }
            }
            let b = signExtend(old, log2)
            if old != expected { setRegisterSized(vp, 0, log2: log2, rex: true, old) }
            setLazy(vp, FlagsKind.sub, signExtend(a &- b, log2), a, b)
            return RoutineResult.next
        }
    case .cmpxchg8b: { vp, op in op.has(LV_UOP_REX_W) ? compareExchange16(vp, op) : compareExchange8(vp, op) }
    case .cmov:
        { vp, op in
            let log2 = op.log2Size
            guard let value = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            // A 32-bit CMOV clears the upper half whether it moves or not.
            writeReg(vp, op, log2: log2, condition(vp, Int(op.pointee.immediate)) ? value : readReg(vp, op, log2: log2))
            return RoutineResult.next
        }
    case .setcc:
        { vp, op in
            writeRM(vp, op, log2: 0, condition(vp, Int(op.pointee.immediate)) ? 1 : 0) ? RoutineResult.next : RoutineResult.fault
        }
    case .convertAccumulator:
        { vp, op in
            let log2 = op.log2Size
            setRegisterSized(vp, 0, log2: log2, rex: true, signExtend(register64(vp, 0), log2 &- 1))
            return RoutineResult.next
        }
    case .convertDouble:
        { vp, op in
            let log2 = op.log2Size
            let sign = Int64(bitPattern: signExtend(register64(vp, 0), log2)) &>> 63
            setRegisterSized(vp, 2, log2: log2, rex: true, UInt64(bitPattern: sign))
            return RoutineResult.next
        }
    case .xlat:
        { vp, op in
            var offset = register64(vp, 3) &+ register64(vp, 0) & 0xff
            if op.has(LV_UOP_ADDRESS32) { offset &= 0xffff_ffff } else if op.has(LV_UOP_ADDRESS16) { offset &= 0xffff }
            guard let linear = segmentAddress(vp, segment: Int(op.pointee.segment), offset: offset, bytes: 1, write: false),
                let value = load8(vp, linear)
            else { return RoutineResult.fault }
            setRegister8(vp, 0, rex: true, UInt8(truncatingIfNeeded: value))
            return RoutineResult.next
        }
    default: nil
    }
}

private func compareExchange8(_ vp: VP, _ op: UOp) -> Int32 {
    let expected = register64(vp, 0) & 0xffff_ffff | register64(vp, 2) &<< 32
    let new = register64(vp, 3) & 0xffff_ffff | register64(vp, 1) &<< 32
    guard let linear = operandAddress(vp, op, bytes: 8, write: true),
        let old = updateMemory(vp, linear, log2: 3, locked: op.has(LV_UOP_LOCK), { $0 == expected ? new : $0 })
    else { return RoutineResult.fault }
    finishCompareExchange(vp, old == expected)
    if old != expected {
        setRegister64(vp, 0, old & 0xffff_ffff)
        setRegister64(vp, 2, old &>> 32)
    }
    return RoutineResult.next
}

private func compareExchange16(_ vp: VP, _ op: UOp) -> Int32 {
    guard let linear = vectorAddress(vp, op, aligned: true, write: true) else { return RoutineResult.fault }
    guard let pointer = writePointer(vp, linear, 16) ?? interpreter(vp).pointerForUpdate(linear, 16) else {
        // Aligned, so it is not split: not RAM.
        if vp.pointee.fault.pending != 0 { return RoutineResult.fault }
        return raise(vp, ExceptionVector.generalProtection, 0)
    }
    var expected = (register64(vp, 0), register64(vp, 2))
    let low = register64(vp, 3)
    let high = register64(vp, 1)
    let equal = withUnsafeMutableBytes(of: &expected) { bytes in
        lv_cas128(pointer, bytes.assumingMemoryBound(to: UInt64.self).baseAddress, low, high)
    }
    finishCompareExchange(vp, equal)
    if !equal {
        setRegister64(vp, 0, expected.0)
        setRegister64(vp, 2, expected.1)
    }
    return RoutineResult.next
}

/// ZF tells; the other flags stay.
private func finishCompareExchange(_ vp: VP, _ equal: Bool) {
    setArithmeticFlags(vp, arithmeticFlags(vp) & ~RFLAGS.zero | (equal ? RFLAGS.zero : 0))
}

/// PUSH, POP and their families.
func stackRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .push:
        { vp, op in
            guard let value = readRM(vp, op, log2: op.log2Size), push(vp, value, log2: op.log2Size) else { return RoutineResult.fault }
            return RoutineResult.next
        }
    case .pushImmediate:
        { vp, op in
            push(vp, immediate(op), log2: op.log2Size) ? RoutineResult.next : RoutineResult.fault
        }
    case .pop:
        { vp, op in
            let log2 = op.log2Size
            guard let value = peekStack(vp, log2: log2) else { return RoutineResult.fault }
            // A memory operand based on RSP sees it behind the pop.
            let before = register64(vp, 4)
            dropStack(vp, bytes: UInt64(1 &<< log2))
            if !writeRM(vp, op, log2: log2, value) {
                setRegister64(vp, 4, before)
                return RoutineResult.fault
            }
            return RoutineResult.next
        }
    case .pusha:
        { vp, op in
            let before = register64(vp, 4)
            for number in 0..<8 {
                let value = number == 4 ? before : register64(vp, number)
                if !push(vp, value, log2: op.log2Size) {
                    setRegister64(vp, 4, before)
                    return RoutineResult.fault
                }
            }
            return RoutineResult.next
        }
    case .popa:
        { vp, op in
            let log2 = op.log2Size
            let before = register64(vp, 4)
            var values: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
            return withUnsafeMutableBytes(of: &values) { raw in
                let words = raw.assumingMemoryBound(to: UInt64.self)
                for number in 0..<8 {
                    guard let value = peekStack(vp, log2: log2) else {
                        setRegister64(vp, 4, before)
                        return RoutineResult.fault
                    }
                    words[7 - number] = value
                    dropStack(vp, bytes: UInt64(1 &<< log2))
                }
                for number in 0..<8 where number != 4 { setRegisterSized(vp, number, log2: log2, rex: true, words[number]) }
                return RoutineResult.next
            }
        }
    default: nil
    }
}

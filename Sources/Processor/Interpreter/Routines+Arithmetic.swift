import CHost

/// The two-operand arithmetic of opcodes 00–3F, 80–83 and A8: one place for results and flags of every size.
enum BinaryOperation { case add, or, adc, sbb, and, sub, xor, cmp, test }

/// The result, sign-extended as the operands; flags are not touched.
@inline(__always)
func binaryResult(_ operation: BinaryOperation, _ a: UInt64, _ b: UInt64, _ carry: UInt64) -> UInt64 {
    switch operation {
    case .add: a &+ b
    case .or: a | b
    case .adc: a &+ b &+ carry
    case .sbb: a &- b &- carry
    case .and, .test: a & b
    case .sub, .cmp: a &- b
    case .xor: a ^ b
    }
}

/// Lazy flags of a two-operand operation; operands and result sign-extended.
@inline(__always)
func binaryFlags(_ vp: VP, _ operation: BinaryOperation, _ result: UInt64, _ a: UInt64, _ b: UInt64) {
    switch operation {
    case .add, .adc: setLazy(vp, FlagsKind.add, result, a, b)
    case .sub, .sbb, .cmp: setLazy(vp, FlagsKind.sub, result, a, b)
    case .or, .and, .xor, .test: setLogic(vp, result)
    }
}

@inline(__always)
func binary(_ vp: VP, _ op: UOp, _ operation: BinaryOperation) -> Int32 {
    let log2 = op.log2Size
    let carry = operation == .adc || operation == .sbb ? carryFlag(vp) : 0
    if operation == .cmp || operation == .test || op.has(LV_UOP_TO_REGISTER) {
        guard let rm = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
        let reversed = op.has(LV_UOP_TO_REGISTER)
        let other = op.has(LV_UOP_IMMEDIATE) ? immediate(op) : readReg(vp, op, log2: log2)
        let a = signExtend(reversed ? other : rm, log2)
        let b = signExtend(reversed ? rm : other, log2)
        let result = signExtend(binaryResult(operation, a, b, carry), log2)
        if operation != .cmp, operation != .test { writeReg(vp, op, log2: log2, result) }
        binaryFlags(vp, operation, result, a, b)
        return RoutineResult.next
    }
    let b = signExtend(op.has(LV_UOP_IMMEDIATE) ? immediate(op) : readReg(vp, op, log2: log2), log2)
    guard let old = updateRM(vp, op, log2: log2, { binaryResult(operation, $0, b, carry) }) else { return RoutineResult.fault }
    let a = signExtend(old, log2)
    binaryFlags(vp, operation, signExtend(binaryResult(operation, a, b, carry), log2), a, b)
    return RoutineResult.next
}

/// INC, DEC, NEG, NOT.
func unaryRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .inc:
        { vp, op in
            let log2 = op.log2Size
            let carry = carryFlag(vp)
            guard let old = updateRM(vp, op, log2: log2, { $0 &+ 1 }) else { return RoutineResult.fault }
            let a = signExtend(old, log2)
            setLazy(vp, FlagsKind.increment, signExtend(a &+ 1, log2), a, carry)
            return RoutineResult.next
        }
    case .dec:
        { vp, op in
            let log2 = op.log2Size
            let carry = carryFlag(vp)
            guard let old = updateRM(vp, op, log2: log2, { $0 &- 1 }) else { return RoutineResult.fault }
            let a = signExtend(old, log2)
            setLazy(vp, FlagsKind.decrement, signExtend(a &- 1, log2), a, carry)
            return RoutineResult.next
        }
    case .neg:
        { vp, op in
            let log2 = op.log2Size
            guard let old = updateRM(vp, op, log2: log2, { 0 &- $0 }) else { return RoutineResult.fault }
            let b = signExtend(old, log2)
            setLazy(vp, FlagsKind.sub, signExtend(0 &- b, log2), 0, b)
            return RoutineResult.next
        }
    case .not:
        { vp, op in
            guard updateRM(vp, op, log2: op.log2Size, { ~$0 }) != nil else { return RoutineResult.fault }
            return RoutineResult.next
        }
    default: nil
    }
}

func binaryRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .add: { binary($0, $1, .add) }
    case .or: { binary($0, $1, .or) }
    case .adc: { binary($0, $1, .adc) }
    case .sbb: { binary($0, $1, .sbb) }
    case .and: { binary($0, $1, .and) }
    case .sub: { binary($0, $1, .sub) }
    case .xor: { binary($0, $1, .xor) }
    case .cmp: { binary($0, $1, .cmp) }
    case .test: { binary($0, $1, .test) }
    default: nil
    }
}

/// MUL, IMUL, DIV, IDIV. SF ZF AF PF after a multiplication are undefined in the manuals; they follow the low half here, AF is 0.
func multiplyRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .mul:
        { vp, op in
            let log2 = op.log2Size
            guard let b = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            let a = registerSized(vp, 0, log2: log2, rex: true)
            if log2 == 3 {
                let product = a.multipliedFullWidth(by: b)
                setRegister64(vp, 0, product.low)
                setRegister64(vp, 2, product.high)
                setMultiplyFlags(vp, product.low, product.high != 0)
            } else {
                let product = a &* b
                let high = product &>> (8 &<< UInt64(log2))
                setProduct(vp, log2, product, high)
                setMultiplyFlags(vp, signExtend(product, log2), high != 0)
            }
            return RoutineResult.next
        }
    case .imulWide:
        { vp, op in
            let log2 = op.log2Size
            guard let rm = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            let a = Int64(bitPattern: signExtend(registerSized(vp, 0, log2: log2, rex: true), log2))
            let b = Int64(bitPattern: signExtend(rm, log2))
            if log2 == 3 {
                let product = a.multipliedFullWidth(by: b)
                setRegister64(vp, 0, product.low)
                setRegister64(vp, 2, UInt64(bitPattern: product.high))
                setMultiplyFlags(vp, product.low, product.high != Int64(bitPattern: product.low) &>> 63)
            } else {
                let product = UInt64(bitPattern: a &* b)
                setProduct(vp, log2, product, product &>> (8 &<< UInt64(log2)))
                setMultiplyFlags(vp, signExtend(product, log2), signExtend(product, log2) != product)
            }
            return RoutineResult.next
        }
    case .imul:
        { vp, op in
            let log2 = op.log2Size
            guard let rm = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            multiplyInto(vp, op, log2, signExtend(readReg(vp, op, log2: log2), log2), signExtend(rm, log2))
            return RoutineResult.next
        }
    case .imulImmediate:
        { vp, op in
            let log2 = op.log2Size
            guard let rm = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            multiplyInto(vp, op, log2, signExtend(rm, log2), immediate(op))
            return RoutineResult.next
        }
    case .div: { vp, op in divide(vp, op) }
    case .idiv: { vp, op in divideSigned(vp, op) }
    default: nil
    }
}

private func setMultiplyFlags(_ vp: VP, _ low: UInt64, _ overflow: Bool) {
    setExplicit(vp, low, overflow ? RFLAGS.carry | RFLAGS.overflow : 0)
}

/// AX, DX:AX or EDX:EAX.
private func setProduct(_ vp: VP, _ log2: Int, _ low: UInt64, _ high: UInt64) {
    if log2 == 0 {
        setRegisterSized(vp, 0, log2: 1, rex: true, low)
    } else {
        setRegisterSized(vp, 0, log2: log2, rex: true, low)
        setRegisterSized(vp, 2, log2: log2, rex: true, high)
    }
}

private func multiplyInto(_ vp: VP, _ op: UOp, _ log2: Int, _ a: UInt64, _ b: UInt64) {
    let product = Int64(bitPattern: a).multipliedReportingOverflow(by: Int64(bitPattern: b))
    let value = UInt64(bitPattern: product.partialValue)
    let result = signExtend(value, log2)
    writeReg(vp, op, log2: log2, result)
    setMultiplyFlags(vp, result, product.overflow || result != value)
}

private func divide(_ vp: VP, _ op: UOp) -> Int32 {
    let log2 = op.log2Size
    guard let divisor = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
    if divisor == 0 { return raise(vp, ExceptionVector.divideError) }
    switch log2 {
    case 3:
        let high = register64(vp, 2)
        if high >= divisor { return raise(vp, ExceptionVector.divideError) }
        let result = divisor.dividingFullWidth((high, register64(vp, 0)))
        setRegister64(vp, 0, result.quotient)
        setRegister64(vp, 2, result.remainder)
    case 0:
        let dividend = register64(vp, 0) & 0xffff
        let quotient = dividend / divisor
        if quotient > 0xff { return raise(vp, ExceptionVector.divideError) }
        setRegisterSized(vp, 0, log2: 1, rex: true, quotient | (dividend % divisor) &<< 8)
    default:
        let bits = 8 &<< UInt64(log2)
        let dividend = registerSized(vp, 0, log2: log2, rex: true) | registerSized(vp, 2, log2: log2, rex: true) &<< bits
        let quotient = dividend / divisor
        if quotient > sizeMask(log2) { return raise(vp, ExceptionVector.divideError) }
        setRegisterSized(vp, 0, log2: log2, rex: true, quotient)
        setRegisterSized(vp, 2, log2: log2, rex: true, dividend % divisor)
    }
    return RoutineResult.next
}

private func divideSigned(_ vp: VP, _ op: UOp) -> Int32 {
    let log2 = op.log2Size
    guard let rm = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
    let divisor = Int64(bitPattern: signExtend(rm, log2))
    if divisor == 0 { return raise(vp, ExceptionVector.divideError) }
    if log2 == 3 {
        let high = Int64(bitPattern: register64(vp, 2))
        let low = register64(vp, 0)
        // Magnitudes, so that the host's division cannot overflow.
        let negative = high < 0
        let magnitudeLow = negative ? 0 &- low : low
        let magnitudeHigh = negative ? ~UInt64(bitPattern: high) &+ (low == 0 ? 1 : 0) : UInt64(bitPattern: high)
        let size = divisor.magnitude
        if magnitudeHigh >= size { return raise(vp, ExceptionVector.divideError) }
        let result = size.dividingFullWidth((magnitudeHigh, magnitudeLow))
        let quotientNegative = negative != (divisor < 0)
        if result.quotient > (quotientNegative ? 1 &<< 63 : UInt64(Int64.max)) { return raise(vp, ExceptionVector.divideError) }
        setRegister64(vp, 0, quotientNegative ? 0 &- result.quotient : result.quotient)
        setRegister64(vp, 2, negative ? 0 &- result.remainder : result.remainder)
        return RoutineResult.next
    }
    let bits = 8 &<< UInt64(log2)
    let dividend: Int64
    switch log2 {
    case 0: dividend = Int64(Int16(truncatingIfNeeded: register64(vp, 0)))
    case 1: dividend = Int64(Int32(truncatingIfNeeded: register64(vp, 0) & 0xffff | register64(vp, 2) &<< 16))
    default: dividend = Int64(bitPattern: register64(vp, 0) & 0xffff_ffff | register64(vp, 2) &<< 32)
    }
    let quotient = dividend.dividedReportingOverflow(by: divisor)
    let limit = Int64(1) &<< Int64(bits &- 1)
    if quotient.overflow || quotient.partialValue >= limit || quotient.partialValue < -limit {
        return raise(vp, ExceptionVector.divideError)
    }
    let remainder = dividend % divisor
    let low = UInt64(bitPattern: quotient.partialValue)
    if log2 == 0 {
        setRegisterSized(vp, 0, log2: 1, rex: true, low & 0xff | UInt64(bitPattern: remainder) &<< 8)
    } else {
        setRegisterSized(vp, 0, log2: log2, rex: true, low)
        setRegisterSized(vp, 2, log2: log2, rex: true, UInt64(bitPattern: remainder))
    }
    return RoutineResult.next
}

import CHost

// Bodies of the specialised handlers, by operand form; the binding files name the combinations that exist. Register forms are
// normalised by the block writer: the destination is `b`, the source `a` or the immediate. Each body ends in a tail call.

@inline(__always) func registerRegister<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: BinaryOperation) -> Int32 {
    let a = W.get(vp, op.pointee.b)
    let b = W.get(vp, op.pointee.a)
    let carry = operation == .adc || operation == .sbb ? carryFlag(vp) : 0
    let result = W.extend(binaryResult(operation, a, b, carry))
    if operation != .cmp, operation != .test { W.set(vp, op.pointee.b, result) }
    binaryFlags(vp, operation, result, a, b)
    return advance(vp, op)
}

@inline(__always) func registerImmediate<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: BinaryOperation) -> Int32 {
    let a = W.get(vp, op.pointee.b)
    let b = immediate(op)
    let carry = operation == .adc || operation == .sbb ? carryFlag(vp) : 0
    let result = W.extend(binaryResult(operation, a, b, carry))
    if operation != .cmp, operation != .test { W.set(vp, op.pointee.b, result) }
    binaryFlags(vp, operation, result, a, b)
    return advance(vp, op)
}

/// reg ← reg op [mem]; CMP reg, [mem].
@inline(__always) func registerMemory<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: BinaryOperation) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
    let a = W.get(vp, op.pointee.a)
    let b = W.load(pointer)
    let carry = operation == .adc || operation == .sbb ? carryFlag(vp) : 0
    let result = W.extend(binaryResult(operation, a, b, carry))
    if operation != .cmp { W.set(vp, op.pointee.a, result) }
    binaryFlags(vp, operation, result, a, b)
    return advance(vp, op)
}

/// [mem] ← [mem] op b.
@inline(__always)
private func memoryUpdate<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: BinaryOperation, _ b: UInt64) -> Int32 {
    let linear = AnyForm.address(vp, op)
    if operation == .cmp || operation == .test {
        guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
        let a = W.load(pointer)
        binaryFlags(vp, operation, W.extend(binaryResult(operation, a, b, 0)), a, b)
        return advance(vp, op)
    }
    guard let pointer = writePointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes | 256) }
    let a = W.load(pointer)
    let carry = operation == .adc || operation == .sbb ? carryFlag(vp) : 0
    let result = W.extend(binaryResult(operation, a, b, carry))
    W.store(pointer, result)
    binaryFlags(vp, operation, result, a, b)
    return advance(vp, op)
}

@inline(__always) func memoryRegister<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation) -> Int32 {
    memoryUpdate(vp, op, w, operation, W.get(vp, op.pointee.a))
}

@inline(__always) func memoryImmediate<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation) -> Int32 {
    memoryUpdate(vp, op, w, operation, immediate(op))
}

// MARK: moves

@inline(__always) func moveRegister<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type) -> Int32 {
    W.set(vp, op.pointee.b, W.get(vp, op.pointee.a))
    return advance(vp, op)
}

@inline(__always) func moveImmediate<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type) -> Int32 {
    W.set(vp, op.pointee.b, immediate(op))
    return advance(vp, op)
}

@inline(__always) func moveLoad<W: OperandWidth, F: AddressForm>(_ vp: VP, _ op: UOp, _: W.Type, _: F.Type) -> Int32 {
    let linear = F.address(vp, op)
    guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
    W.set(vp, op.pointee.a, W.load(pointer))
    return advance(vp, op)
}

@inline(__always) func moveStore<W: OperandWidth, F: AddressForm>(_ vp: VP, _ op: UOp, _: W.Type, _: F.Type) -> Int32 {
    let linear = F.address(vp, op)
    guard let pointer = writePointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes | 256) }
    W.store(pointer, registers(vp)[Int(op.pointee.a)])
    return advance(vp, op)
}

@inline(__always) func moveStoreImmediate<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = writePointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes | 256) }
    W.store(pointer, immediate(op))
    return advance(vp, op)
}

/// MOVZX, MOVSX, MOVSXD from a register: `S` to `D`.
@inline(__always)
func extendRegister<S: OperandWidth, D: OperandWidth>(_ vp: VP, _ op: UOp, _: S.Type, _: D.Type, signed: Bool) -> Int32 {
    let value = S.get(vp, op.pointee.b)
    D.set(vp, op.pointee.a, signed ? value : value & (~0 &>> (64 &- S.bytes &* 8)))
    return advance(vp, op)
}

@inline(__always)
func extendMemory<S: OperandWidth, D: OperandWidth>(_ vp: VP, _ op: UOp, _: S.Type, _: D.Type, signed: Bool) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, S.bytes) else { return miss(vp, op, linear, S.bytes) }
    let value = S.load(pointer)
    D.set(vp, op.pointee.a, signed ? value : value & (~0 &>> (64 &- S.bytes &* 8)))
    return advance(vp, op)
}

@inline(__always) func loadAddress<W: OperandWidth, F: AddressForm>(_ vp: VP, _ op: UOp, _: W.Type, _: F.Type) -> Int32 {
    W.set(vp, op.pointee.a, F.address(vp, op))
    return advance(vp, op)
}

@inline(__always) func conditionalMove<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ code: Int) -> Int32 {
    let number = condition(vp, code) ? op.pointee.b : op.pointee.a
    W.set(vp, op.pointee.a, W.get(vp, number))
    return advance(vp, op)
}

@inline(__always) func setCondition(_ vp: VP, _ op: UOp, _ code: Int) -> Int32 {
    Byte.set(vp, op.pointee.b, condition(vp, code) ? 1 : 0)
    return advance(vp, op)
}

// MARK: one operand

@inline(__always) func increment<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, by step: UInt64) -> Int32 {
    let carry = carryFlag(vp)
    let a = W.get(vp, op.pointee.b)
    let result = W.extend(a &+ step)
    W.set(vp, op.pointee.b, result)
    setLazy(vp, step == 1 ? FlagsKind.increment : FlagsKind.decrement, result, a, carry)
    return advance(vp, op)
}

@inline(__always) func incrementMemory<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, by step: UInt64) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = writePointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes | 256) }
    let carry = carryFlag(vp)
    let a = W.load(pointer)
    let result = W.extend(a &+ step)
    W.store(pointer, result)
    setLazy(vp, step == 1 ? FlagsKind.increment : FlagsKind.decrement, result, a, carry)
    return advance(vp, op)
}

@inline(__always) func negate<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type) -> Int32 {
    let b = W.get(vp, op.pointee.b)
    let result = W.extend(0 &- b)
    W.set(vp, op.pointee.b, result)
    setLazy(vp, FlagsKind.sub, result, 0, b)
    return advance(vp, op)
}

@inline(__always) func complement<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type) -> Int32 {
    W.set(vp, op.pointee.b, ~W.get(vp, op.pointee.b))
    return advance(vp, op)
}

/// Shifts and rotates of a register; by the immediate or by CL.
@inline(__always)
func shiftRegister<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: ShiftOperation, byCL: Bool) -> Int32 {
    let count = (byCL ? registers(vp)[1] : immediate(op)) & (W.log2 == 3 ? 63 : 31)
    if count == 0 {
        // A 32-bit operand still loses its upper half.
        W.set(vp, op.pointee.b, W.get(vp, op.pointee.b))
        return advance(vp, op)
    }
    let value = W.get(vp, op.pointee.b) & (~0 &>> (64 &- W.bytes &* 8))
    let (result, carry, overflow) = shifted(operation, value, count, W.log2, 0)
    W.set(vp, op.pointee.b, result)
    switch operation {
    case .shl, .shr, .sar: setExplicit(vp, W.extend(result), carry | overflow &<< 11)
    default: keepingFlags(vp, carry | overflow &<< 11)
    }
    return advance(vp, op)
}

/// CF and OF replaced, the other four kept: a rotate. With a result still at hand the flags stay lazy.
@inline(__always) private func keepingFlags(_ vp: VP, _ carryAndOverflow: UInt64) {
    let others = arithmeticFlags(vp) & ~(RFLAGS.carry | RFLAGS.overflow)
    setArithmeticFlags(vp, others | carryAndOverflow)
}

@inline(__always) func multiplyRegister<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, immediateForm: Bool) -> Int32 {
    let a = Int64(bitPattern: immediateForm ? immediate(op) : W.get(vp, op.pointee.a))
    let product = a.multipliedReportingOverflow(by: Int64(bitPattern: W.get(vp, op.pointee.b)))
    let value = UInt64(bitPattern: product.partialValue)
    let result = W.extend(value)
    W.set(vp, op.pointee.a, result)
    setExplicit(vp, result, product.overflow || result != value ? RFLAGS.carry | RFLAGS.overflow : 0)
    return advance(vp, op)
}

@inline(__always) func multiplyMemory<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
    let product = Int64(bitPattern: W.get(vp, op.pointee.a)).multipliedReportingOverflow(by: Int64(bitPattern: W.load(pointer)))
    let value = UInt64(bitPattern: product.partialValue)
    let result = W.extend(value)
    W.set(vp, op.pointee.a, result)
    setExplicit(vp, result, product.overflow || result != value ? RFLAGS.carry | RFLAGS.overflow : 0)
    return advance(vp, op)
}

// MARK: stack and flow

@inline(__always) func pushValue(_ vp: VP, _ op: UOp, _ value: UInt64) -> Int32 {
    let pointer = registers(vp)[4] &- 8
    guard let host = writePointer(vp, pointer, 8) else { return miss(vp, op, pointer, 8 | 256) }
    lv_store64(host, value)
    registers(vp)[4] = pointer
    return advance(vp, op)
}

@inline(__always) func popRegister(_ vp: VP, _ op: UOp) -> Int32 {
    let pointer = registers(vp)[4]
    guard let host = readPointer(vp, pointer, 8) else { return miss(vp, op, pointer, 8) }
    let value = lv_load64(host)
    registers(vp)[4] = pointer &+ 8
    registers(vp)[Int(op.pointee.b)] = value
    return advance(vp, op)
}

/// The address behind an instruction.
@inline(__always) func addressBehind(_ vp: VP, _ op: UOp) -> UInt64 {
    vp.pointee.block_rip &+ UInt64(op.pointee.rip_offset) &+ UInt64(op.pointee.length)
}

@inline(__always) func callRelative(_ vp: VP, _ op: UOp) -> Int32 {
    let pointer = registers(vp)[4] &- 8
    guard let host = writePointer(vp, pointer, 8) else { return miss(vp, op, pointer, 8 | 256) }
    lv_store64(host, addressBehind(vp, op))
    registers(vp)[4] = pointer
    return dispatch(vp, (op + 1).link(0))
}

/// RET. Where a canonical target is not in the jump cache, the block is looked up from here; the rest is left to the routine.
@inline(__always) func returnNearby(_ vp: VP, _ op: UOp) -> Int32 {
    let pointer = registers(vp)[4]
    guard let host = readPointer(vp, pointer, 8) else { return miss(vp, op, pointer, 8) }
    let target = lv_load64(host)
    guard let header = cachedBlock(vp, target) else { return isCanonical(target) ? returnMiss(vp, target) : fallBack(vp, op) }
    registers(vp)[4] = pointer &+ 8
    return dispatch(vp, header)
}

@inline(never) private func returnMiss(_ vp: VP, _ target: UInt64) -> Int32 {
    registers(vp)[4] &+= 8
    return jumpMiss(vp, target)
}

@inline(__always) func jumpRegister(_ vp: VP, _ op: UOp) -> Int32 {
    let target = registers(vp)[Int(op.pointee.b)]
    guard let header = cachedBlock(vp, target) else { return isCanonical(target) ? jumpMiss(vp, target) : fallBack(vp, op) }
    return dispatch(vp, header)
}

@inline(__always) func jumpMemory(_ vp: VP, _ op: UOp) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, 8) else { return miss(vp, op, linear, 8) }
    let target = lv_load64(pointer)
    guard let header = cachedBlock(vp, target) else { return isCanonical(target) ? jumpMiss(vp, target) : fallBack(vp, op) }
    return dispatch(vp, header)
}

@inline(__always) func callRegister(_ vp: VP, _ op: UOp) -> Int32 {
    guard let header = cachedBlock(vp, registers(vp)[Int(op.pointee.b)]) else { return fallBack(vp, op) }
    let pointer = registers(vp)[4] &- 8
    guard let host = writePointer(vp, pointer, 8) else { return miss(vp, op, pointer, 8 | 256) }
    lv_store64(host, addressBehind(vp, op))
    registers(vp)[4] = pointer
    return dispatch(vp, header)
}

/// The one handler with two places in memory. A stack that the TLB does not serve is left to the routine: where both places share a TLB
/// entry, filling it for one of them evicts the other, and running the micro-op again would never end.
@inline(__always) func callMemory(_ vp: VP, _ op: UOp) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, 8) else { return miss(vp, op, linear, 8) }
    guard let header = cachedBlock(vp, lv_load64(pointer)) else { return fallBack(vp, op) }
    let stack = registers(vp)[4] &- 8
    guard let host = writePointer(vp, stack, 8) else { return fallBack(vp, op) }
    lv_store64(host, addressBehind(vp, op))
    registers(vp)[4] = stack
    return dispatch(vp, header)
}

/// A Jcc with an even condition; for the odd ones the block writer exchanges the links.
@inline(__always) func jumpIf(_ vp: VP, _ op: UOp, _ code: Int) -> Int32 {
    let links = op + 1
    return condition(vp, code) ? dispatch(vp, links.link(0)) : dispatch(vp, links.link(1))
}

// MARK: fused with the Jcc behind

/// An even condition of a − b.
@inline(__always) private func holdsCompare(_ code: Int, _ a: UInt64, _ b: UInt64, _ result: UInt64) -> Bool {
    switch code {
    case 2: a < b
    case 4: a == b
    case 6: a <= b
    case 8: Int64(bitPattern: result) < 0
    case 12: Int64(bitPattern: a) < Int64(bitPattern: b)
    default: Int64(bitPattern: a) <= Int64(bitPattern: b)
    }
}

/// An even condition of a logical result: CF = OF = 0.
@inline(__always) private func holdsLogic(_ code: Int, _ result: UInt64) -> Bool {
    switch code {
    case 2: false
    case 4, 6: result == 0
    case 8, 12: Int64(bitPattern: result) < 0
    default: Int64(bitPattern: result) <= 0
    }
}

/// `op` sets flags, `op + 1` is the Jcc, `op + 2` its links. The Jcc's own micro-op stays complete: a fall-back of `op` goes on there.
@inline(__always)
private func branch<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: BinaryOperation, _ a: UInt64, _ b: UInt64, _ code: Int)
    -> Int32
{
    let result = W.extend(binaryResult(operation, a, b, 0))
    binaryFlags(vp, operation, result, a, b)
    let links = op + 2
    let taken = operation == .test || operation == .and ? holdsLogic(code, result) : holdsCompare(code, a, b, result)
    return taken ? dispatch(vp, links.link(0)) : dispatch(vp, links.link(1))
}

@inline(__always)
func branchRegisters<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation, _ code: Int) -> Int32 {
    branch(vp, op, w, operation, W.get(vp, op.pointee.b), W.get(vp, op.pointee.a), code)
}

@inline(__always)
func branchImmediate<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation, _ code: Int) -> Int32 {
    branch(vp, op, w, operation, W.get(vp, op.pointee.b), immediate(op), code)
}

@inline(__always)
func branchMemoryImmediate<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation, _ code: Int) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
    return branch(vp, op, w, operation, W.load(pointer), immediate(op), code)
}

/// CMP [mem], reg.
@inline(__always)
func branchMemoryRegister<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation, _ code: Int) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
    return branch(vp, op, w, operation, W.load(pointer), W.get(vp, op.pointee.a), code)
}

/// CMP reg, [mem].
@inline(__always)
func branchRegisterMemory<W: OperandWidth>(_ vp: VP, _ op: UOp, _ w: W.Type, _ operation: BinaryOperation, _ code: Int) -> Int32 {
    let linear = AnyForm.address(vp, op)
    guard let pointer = readPointer(vp, linear, W.bytes) else { return miss(vp, op, linear, W.bytes) }
    return branch(vp, op, w, operation, W.get(vp, op.pointee.a), W.load(pointer), code)
}

/// Register arithmetic that writes its result (ADD, SUB, AND of an immediate), then JZ.
@inline(__always)
func updateAndBranchIfZero<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, _ operation: BinaryOperation) -> Int32 {
    let a = W.get(vp, op.pointee.b)
    let b = immediate(op)
    let result = W.extend(binaryResult(operation, a, b, 0))
    W.set(vp, op.pointee.b, result)
    binaryFlags(vp, operation, result, a, b)
    let links = op + 2
    return result == 0 ? dispatch(vp, links.link(0)) : dispatch(vp, links.link(1))
}

/// INC or DEC, then JZ.
@inline(__always) func incrementAndBranchIfZero<W: OperandWidth>(_ vp: VP, _ op: UOp, _: W.Type, by step: UInt64) -> Int32 {
    let carry = carryFlag(vp)
    let a = W.get(vp, op.pointee.b)
    let result = W.extend(a &+ step)
    W.set(vp, op.pointee.b, result)
    setLazy(vp, step == 1 ? FlagsKind.increment : FlagsKind.decrement, result, a, carry)
    let links = op + 2
    return result == 0 ? dispatch(vp, links.link(0)) : dispatch(vp, links.link(1))
}

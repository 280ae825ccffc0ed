import CHost

/// The two-operand arithmetic that an operation names, if it does.
private func binaryOperation(_ operation: Operation) -> BinaryOperation? {
    switch operation {
    case .add: .add
    case .or: .or
    case .adc: .adc
    case .sbb: .sbb
    case .and: .and
    case .sub: .sub
    case .xor: .xor
    case .cmp: .cmp
    case .test: .test
    default: nil
    }
}

/// Brings a register form into the order that handlers expect: destination `b`, source `a`. Its routine reads the same from it.
func normalise(_ op: inout lv_uop, _ operation: Operation) {
    guard Int(op.flags) & (LV_UOP_TO_REGISTER | LV_UOP_MEMORY | LV_UOP_IMMEDIATE) == LV_UOP_TO_REGISTER,
        operation == .mov || binaryOperation(operation) != nil
    else { return }
    (op.a, op.b) = (op.b, op.a)
    op.flags &= ~UInt16(LV_UOP_TO_REGISTER)
}

/// What the choice of a handler depends on.
private struct Shape {
    let log2: Int
    let memory: Bool
    let toRegister: Bool
    let hasImmediate: Bool
    let address: AddressShape
    /// Byte registers are low bytes only.
    let usesLowBytes: Bool

    /// nil: a form that is left to the routine (LOCK, 32-bit addresses, far RIP-relative).
    init?(_ op: UnsafeMutablePointer<lv_uop>) {
        let flags = Int(op.pointee.flags)
        log2 = flags & LV_UOP_SIZE_MASK
        memory = flags & LV_UOP_MEMORY != 0
        toRegister = flags & LV_UOP_TO_REGISTER != 0
        hasImmediate = flags & LV_UOP_IMMEDIATE != 0
        address = op.pointee.segment >= UInt8(LV_FS) ? .any : op.pointee.index == LV_NO_REGISTER ? .base : .index
        let rex = flags & LV_UOP_REX != 0
        usesLowBytes = rex || op.pointee.a < 4 && (memory || op.pointee.b < 4)
        if flags & LV_UOP_LOCK != 0 || memory && (flags & (LV_UOP_ADDRESS32 | LV_UOP_ADDRESS16) != 0 || op.pointee.base == LV_RIP) {
            return nil
        }
    }
}

/// The specialised handler of an instruction of 64-bit code, or nil: the trampoline.
func hotHandler(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation) -> UnsafeRawPointer? {
    guard let shape = Shape(op), let handler = chooseHandler(op, operation, shape) else { return nil }
    return unsafeBitCast(handler, to: UnsafeRawPointer.self)
}

private func chooseHandler(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation, _ shape: Shape) -> Handler? {
    let log2 = shape.log2
    if let binary = binaryOperation(operation) {
        if log2 == 0, !lowBytes(op, shape) { return nil }
        if !shape.memory {
            return shape.hasImmediate ? registerImmediateHandler(binary, log2) : registerRegisterHandler(binary, log2)
        }
        if shape.toRegister { return registerMemoryHandler(binary, log2) }
        return shape.hasImmediate ? memoryImmediateHandler(binary, log2) : memoryRegisterHandler(binary, log2)
    }
    switch operation {
    case .mov:
        if log2 == 0, !shape.usesLowBytes { return nil }
        if !shape.memory { return moveRegisterHandler(log2) }
        return shape.toRegister ? moveLoadHandler(log2, shape.address) : moveStoreHandler(log2, shape.address)
    case .movImmediate:
        if op.pointee.flags & UInt16(LV_UOP_WIDE) != 0 {
            return { vp, op in
                registers(vp)[Int(op.pointee.b)] = op.constant64
                return dispatch(vp, op + 2)
            }
        }
        if log2 == 0, !lowBytes(op, shape) { return nil }
        return shape.memory ? moveStoreImmediateHandler(log2) : moveImmediateHandler(log2)
    case .movzx, .movsx:
        let source = Int(op.pointee.immediate)
        if !shape.memory, source == 0, op.pointee.b >= 4, op.pointee.flags & UInt16(LV_UOP_REX) == 0 { return nil }
        return extendHandler(source, log2, signed: operation == .movsx, memory: shape.memory)
    case .movsxd: return log2 == 3 ? extendHandler(2, 3, signed: true, memory: shape.memory) : nil
    case .lea: return loadAddressHandler(log2, op.pointee.index == LV_NO_REGISTER ? .base : .index)
    case .cmov: return shape.memory ? nil : conditionalMoveHandler(log2, Int(op.pointee.immediate))
    case .setcc:
        return shape.memory || op.pointee.b >= 4 && op.pointee.flags & UInt16(LV_UOP_REX) == 0
            ? nil : setConditionHandler(Int(op.pointee.immediate))
    case .inc, .dec, .neg, .not:
        if log2 == 0, !lowBytes(op, shape) { return nil }
        return oneOperandHandler(operation, log2, memory: shape.memory)
    case .shl, .shr, .sar, .rol, .ror:
        return shape.memory ? nil : shiftHandler(operation, log2, byCL: op.pointee.immediate == 256)
    case .imul, .imulImmediate: return multiplyHandler(operation, log2, memory: shape.memory)
    case .nop, .pause, .prefetch: return { vp, op in advance(vp, op) }
    case .convertAccumulator where log2 == 3:
        return { vp, op in
            Quad.set(vp, 0, Double32.get(vp, 0))
            return advance(vp, op)
        }
    case .convertDouble where log2 == 3:
        return { vp, op in
            registers(vp)[2] = UInt64(bitPattern: Int64(bitPattern: registers(vp)[0]) &>> 63)
            return advance(vp, op)
        }
    case .convertDouble where log2 == 2:
        return { vp, op in
            registers(vp)[2] = (Double32.get(vp, 0) &>> 32) & 0xffff_ffff
            return advance(vp, op)
        }
    default: return flowHandler(op, operation, shape)
    }
}

/// The register that is not `a` of an immediate or one-operand form is a low byte.
private func lowBytes(_ op: UnsafeMutablePointer<lv_uop>, _ shape: Shape) -> Bool {
    if op.pointee.flags & UInt16(LV_UOP_REX) != 0 { return true }
    if shape.hasImmediate { return shape.memory || op.pointee.b < 4 }
    return shape.usesLowBytes
}

private func flowHandler(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation, _ shape: Shape) -> Handler? {
    switch operation {
    case .push where shape.log2 == 3 && !shape.memory: { vp, op in pushValue(vp, op, registers(vp)[Int(op.pointee.b)]) }
    case .pushImmediate where shape.log2 == 3: { vp, op in pushValue(vp, op, immediate(op)) }
    case .pop where shape.log2 == 3 && !shape.memory: { vp, op in popRegister(vp, op) }
    case .jmp: gotoHandler
    case .jcc: jumpIfHandler(Int(op.pointee.immediate) & ~1)
    case .call where shape.log2 == 3: { vp, op in callRelative(vp, op) }
    case .ret where shape.log2 == 3: { vp, op in returnNearby(vp, op) }
    case .jmpIndirect where shape.log2 == 3: shape.memory ? { vp, op in jumpMemory(vp, op) } : { vp, op in jumpRegister(vp, op) }
    case .callIndirect where shape.log2 == 3: shape.memory ? { vp, op in callMemory(vp, op) } : { vp, op in callRegister(vp, op) }
    default: nil
    }
}

/// The handler of `previous` fused with the Jcc behind it, or nil. `condition` is even.
func fusedHandler(_ op: UnsafeMutablePointer<lv_uop>, condition: Int) -> UnsafeRawPointer? {
    guard op.pointee.flags & UInt16(LV_UOP_WIDE) == 0, let operation = Operation(rawValue: op.pointee.operation),
        let shape = Shape(op), let handler = chooseFused(op, operation, shape, condition)
    else { return nil }
    return unsafeBitCast(handler, to: UnsafeRawPointer.self)
}

private func chooseFused(_ op: UnsafeMutablePointer<lv_uop>, _ operation: Operation, _ shape: Shape, _ condition: Int) -> Handler? {
    let log2 = shape.log2
    guard let binary = binaryOperation(operation), binary == .cmp || binary == .test else {
        let isImmediate = shape.hasImmediate || operation == .inc || operation == .dec
        return condition == 4 && !shape.memory && isImmediate ? branchIfZeroHandler(operation, log2) : nil
    }
    if log2 == 0, !lowBytes(op, shape) { return nil }
    if !shape.memory {
        return shape.hasImmediate
            ? branchImmediateHandler(binary, log2, condition) : branchRegistersHandler(binary, log2, condition)
    }
    if shape.toRegister { return branchRegisterMemoryHandler(binary, log2, condition) }
    return shape.hasImmediate
        ? branchMemoryImmediateHandler(binary, log2, condition) : branchMemoryRegisterHandler(binary, log2, condition)
}

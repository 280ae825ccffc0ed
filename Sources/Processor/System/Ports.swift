import CHost

/// IOPL, then the TSS's permission bitmap (AMD APM vol. 2, 12.2.4). False: #GP or a page fault is recorded.
private func mayUsePort(_ vp: VP, _ port: UInt16, bytes: Int) -> Bool {
    guard isProtected(vp), isVirtual8086(vp) || vp.pointee.cpl > ioPrivilege(vp) else { return true }
    let task = segmentRegisters(vp)[LV_TR]
    // A 16-bit TSS has no bitmap.
    guard task.attributes & 0x9f == 0x89 || task.attributes & 0x9f == 0x8b, UInt64(task.limit) >= TaskStateSegment.bitmapOffset + 1 else {
        raiseProtection(vp)
        return false
    }
    guard let start = systemLoad16(vp, systemLinear(vp, task.base &+ TaskStateSegment.bitmapOffset)) else { return false }
    // Two bytes are read whatever the port, so that a last byte of ones must follow the bitmap.
    let offset = start + UInt64(port >> 3)
    guard offset + 1 <= UInt64(task.limit) else {
        raiseProtection(vp)
        return false
    }
    guard let bits = systemLoad16(vp, systemLinear(vp, task.base &+ offset)) else { return false }
    guard bits >> UInt64(port & 7) & ((1 << UInt64(bytes)) - 1) == 0 else {
        raiseProtection(vp)
        return false
    }
    return true
}

/// Port and size: the immediate, or DX where the table says 256. The size of the data is the operand size, at most 4 bytes.
private func portOperand(_ vp: VP, _ op: UOp) -> (port: UInt16, bytes: Int, log2: Int) {
    let log2 = min(op.log2Size, 2)
    let inDX = op.pointee.immediate == 256
    let port = inDX ? UInt16(truncatingIfNeeded: registers(vp)[GeneralRegister.rdx]) : UInt16(op.pointee.immediate & 0xff)
    return (port, 1 << log2, log2)
}

/// IN.
func executeIn(_ vp: VP, _ op: UOp) -> Int32 {
    let (port, bytes, log2) = portOperand(vp, op)
    guard mayUsePort(vp, port, bytes: bytes) else { return RoutineResult.fault }
    switch interpreter(vp).intercepts.readPort(port, size: bytes) {
    case .exception(let vector, let errorCode): return raise(vp, Int(vector), errorCode)
    case .value(let value):
        setRegisterSized(vp, GeneralRegister.rax, log2: log2, rex: true, UInt64(value))
        notePortAccess(vp, port, bytes: bytes)
        return RoutineResult.next
    }
}

/// OUT.
func executeOut(_ vp: VP, _ op: UOp) -> Int32 {
    let (port, bytes, log2) = portOperand(vp, op)
    guard mayUsePort(vp, port, bytes: bytes) else { return RoutineResult.fault }
    let value = UInt32(truncatingIfNeeded: registers(vp)[GeneralRegister.rax] & sizeMask(log2))
    switch interpreter(vp).intercepts.writePort(port, size: bytes, value: value) {
    case .exception(let vector, let errorCode): return raise(vp, Int(vector), errorCode)
    case .value:
        notePortAccess(vp, port, bytes: bytes)
        return RoutineResult.end
    }
}

/// The registers of a string instruction in its address size.
private struct StringOperands {
    let mask: UInt64
    let isRepeated: Bool

    init(_ op: UOp) {
        mask = op.has(Int(LV_UOP_ADDRESS16)) ? 0xffff : op.has(Int(LV_UOP_ADDRESS32)) ? 0xffff_ffff : UInt64.max
        isRepeated = op.has(Int(LV_UOP_REP)) || op.has(Int(LV_UOP_REPNE))
    }

    func value(_ vp: VP, _ register: Int) -> UInt64 { registers(vp)[register] & mask }

    /// 16-bit addresses leave the rest of the register, 32-bit ones clear it.
    func set(_ vp: VP, _ register: Int, _ value: UInt64) {
        registers(vp)[register] = mask == 0xffff ? registers(vp)[register] & ~0xffff | value & 0xffff : value & mask
    }

    /// Moves the index by an element in DF's direction and counts; what the routine returns.
    func advance(_ vp: VP, _ register: Int, bytes: Int) -> Int32 {
        let step = UInt64(bytes)
        let isDown = vp.pointee.rflags & RFLAGS.direction != 0
        set(vp, register, value(vp, register) &+ (isDown ? 0 &- step : step))
        guard isRepeated else { return RoutineResult.next }
        let left = (value(vp, GeneralRegister.rcx) &- 1) & mask
        set(vp, GeneralRegister.rcx, left)
        return left == 0 ? RoutineResult.next : RoutineResult.again
    }
}

/// INS: the destination is checked before the port is read.
func executeIns(_ vp: VP, _ op: UOp) -> Int32 {
    let operands = StringOperands(op)
    let log2 = min(op.log2Size, 2)
    let port = UInt16(truncatingIfNeeded: registers(vp)[GeneralRegister.rdx])
    if operands.isRepeated, operands.value(vp, GeneralRegister.rcx) == 0 { return RoutineResult.next }
    guard mayUsePort(vp, port, bytes: 1 << log2),
        let address = segmentAddress(
            vp, segment: LV_ES, offset: operands.value(vp, GeneralRegister.rdi), bytes: 1 << log2, write: true),
        prepareStore(vp, address, bytes: 1 << log2)
    else { return RoutineResult.fault }
    switch interpreter(vp).intercepts.readPort(port, size: 1 << log2) {
    case .exception(let vector, let errorCode): return raise(vp, Int(vector), errorCode)
    case .value(let value):
        guard storeSized(vp, address, UInt64(value), log2: log2) else { return RoutineResult.fault }
        notePortAccess(vp, port, bytes: 1 << log2)
        return operands.advance(vp, GeneralRegister.rdi, bytes: 1 << log2)
    }
}

/// OUTS.
func executeOuts(_ vp: VP, _ op: UOp) -> Int32 {
    let operands = StringOperands(op)
    let log2 = min(op.log2Size, 2)
    let port = UInt16(truncatingIfNeeded: registers(vp)[GeneralRegister.rdx])
    if operands.isRepeated, operands.value(vp, GeneralRegister.rcx) == 0 { return RoutineResult.next }
    guard mayUsePort(vp, port, bytes: 1 << log2),
        let address = segmentAddress(
            vp, segment: Int(op.pointee.segment), offset: operands.value(vp, GeneralRegister.rsi), bytes: 1 << log2, write: false),
        let value = loadSized(vp, address, log2: log2)
    else { return RoutineResult.fault }
    switch interpreter(vp).intercepts.writePort(port, size: 1 << log2, value: UInt32(truncatingIfNeeded: value)) {
    case .exception(let vector, let errorCode): return raise(vp, Int(vector), errorCode)
    case .value:
        notePortAccess(vp, port, bytes: 1 << log2)
        return operands.advance(vp, GeneralRegister.rsi, bytes: 1 << log2)
    }
}

import CHost

/// Routines of the moves between vector registers, memory and other registers (SDM vol. 1, 10.4.1, 11.4.1.1, 11.4.2).
func vectorMoveRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .movapsLoad, .movapdLoad, .movdqaLoad: return { loadWhole($0, $1, aligned: true) }
    case .movupsLoad, .movupdLoad, .movdquLoad: return { loadWhole($0, $1, aligned: false) }
    case .movapsStore, .movapdStore, .movdqaStore: return { storeWhole($0, $1, aligned: true) }
    case .movupsStore, .movupdStore, .movdquStore: return { storeWhole($0, $1, aligned: false) }
    case .movntps, .movntpd, .movntdq: return { storeWhole($0, $1, aligned: true) }
    case .movssLoad: return { loadScalarSingle($0, $1) }
    case .movsdLoad: return { loadScalarDouble($0, $1) }
    case .movssStore: return { storeScalarSingle($0, $1) }
    case .movsdStore: return { storeScalarDouble($0, $1) }
    case .movlpsLoad, .movlpdLoad: return { loadHalf($0, $1, 0) }
    case .movhpsLoad, .movhpdLoad: return { loadHalf($0, $1, 1) }
    case .movlpsStore, .movlpdStore: return { storeHalf($0, $1, 0) }
    case .movhpsStore, .movhpdStore: return { storeHalf($0, $1, 1) }
    case .movhlps: return { copyHalf($0, $1, from: 1, to: 0) }
    case .movlhps: return { copyHalf($0, $1, from: 0, to: 1) }
    case .movqLoad: return { loadQuadword($0, $1) }
    case .movqStore: return { storeQuadword($0, $1) }
    case .movdLoad: return { loadFromGeneral($0, $1) }
    case .movdStore: return { storeToGeneral($0, $1) }
    case .movqLoadMMX: return { loadMMX($0, $1) }
    case .movqStoreMMX, .movntq: return { storeMMX($0, $1) }
    case .movq2dq: return { moveToVector($0, $1) }
    case .movdq2q: return { moveFromVector($0, $1) }
    case .maskmovdqu, .maskmovq: return { maskedStore($0, $1) }
    case .ldmxcsr: return { loadControl($0, $1) }
    case .stmxcsr: return { storeControl($0, $1) }
    default: return nil
    }
}

@inline(__always) private func loadWhole(_ vp: VP, _ op: UOp, aligned: Bool) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    if op.isMemory {
        return loadOperand(vp, op, bytes: 16, aligned: aligned, into: vector(vp, op.pointee.a))
            ? RoutineResult.next : RoutineResult.fault
    } else {
        vector(vp, op.pointee.a).pointee = vector(vp, op.pointee.b).pointee
    }
    return RoutineResult.next
}

@inline(__always) private func storeWhole(_ vp: VP, _ op: UOp, aligned: Bool) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    if op.isMemory { return storeOperand(vp, op, bytes: 16, aligned: aligned, VectorSource(vector(vp, op.pointee.a))) }
    vector(vp, op.pointee.b).pointee = vector(vp, op.pointee.a).pointee
    return RoutineResult.next
}

/// MOVSS load: memory clears the rest of the register, a register source leaves it.
private func loadScalarSingle(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let destination = vector(vp, op.pointee.a)
    if op.isMemory {
        return loadOperand(vp, op, bytes: 4, aligned: false, into: destination) ? RoutineResult.next : RoutineResult.fault
    }
    lv_set_lane32(destination, 0, lv_lane32(vector(vp, op.pointee.b), 0))
    return RoutineResult.next
}

/// MOVSD load, as MOVSS.
private func loadScalarDouble(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let destination = vector(vp, op.pointee.a)
    if op.isMemory {
        return loadOperand(vp, op, bytes: 8, aligned: false, into: destination) ? RoutineResult.next : RoutineResult.fault
    }
    lv_set_lane64(destination, 0, lv_lane64(vector(vp, op.pointee.b), 0))
    return RoutineResult.next
}

private func storeScalarSingle(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let source = VectorSource(vector(vp, op.pointee.a))
    if op.isMemory { return storeOperand(vp, op, bytes: 4, aligned: false, source) }
    lv_set_lane32(vector(vp, op.pointee.b), 0, lv_lane32(source, 0))
    return RoutineResult.next
}

private func storeScalarDouble(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let source = VectorSource(vector(vp, op.pointee.a))
    if op.isMemory { return storeOperand(vp, op, bytes: 8, aligned: false, source) }
    lv_set_lane64(vector(vp, op.pointee.b), 0, lv_lane64(source, 0))
    return RoutineResult.next
}

/// MOVLPS, MOVHPS and their doubles: one half from memory, the other stays.
@inline(__always) private func loadHalf(_ vp: VP, _ op: UOp, _ lane: UInt32) -> Int32 {
    guard sseReady(vp), let address = operandAddress(vp, op, bytes: 8, write: false), let value = load64(vp, address) else {
        return RoutineResult.fault
    }
    lv_set_lane64(vector(vp, op.pointee.a), lane, value)
    return RoutineResult.next
}

@inline(__always) private func storeHalf(_ vp: VP, _ op: UOp, _ lane: UInt32) -> Int32 {
    guard sseReady(vp), let address = operandAddress(vp, op, bytes: 8, write: true),
        store64(vp, address, lv_lane64(vector(vp, op.pointee.a), lane))
    else { return RoutineResult.fault }
    return RoutineResult.next
}

@inline(__always) private func copyHalf(_ vp: VP, _ op: UOp, from: UInt32, to: UInt32) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    lv_set_lane64(vector(vp, op.pointee.a), to, lv_lane64(vector(vp, op.pointee.b), from))
    return RoutineResult.next
}

/// MOVQ xmm, xmm/m64: the upper half is cleared.
private func loadQuadword(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let destination = vector(vp, op.pointee.a)
    if op.isMemory {
        return loadOperand(vp, op, bytes: 8, aligned: false, into: destination) ? RoutineResult.next : RoutineResult.fault
    }
    destination.pointee = lv_xmm_of(lv_lane64(vector(vp, op.pointee.b), 0), 0)
    return RoutineResult.next
}

/// MOVQ xmm/m64, xmm.
private func storeQuadword(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    let source = VectorSource(vector(vp, op.pointee.a))
    if op.isMemory { return storeOperand(vp, op, bytes: 8, aligned: false, source) }
    vector(vp, op.pointee.b).pointee = lv_xmm_of(lv_lane64(source, 0), 0)
    return RoutineResult.next
}

/// MOVD and MOVQ (REX.W) mm/xmm, r/m: zero-extended.
private func loadFromGeneral(_ vp: VP, _ op: UOp) -> Int32 {
    let wide = op.has(LV_UOP_OPERAND66)
    let is64 = op.has(LV_UOP_REX_W)
    guard wide ? sseReady(vp) : mmxReady(vp) else { return RoutineResult.fault }
    var value = register64(vp, Int(op.pointee.b & 15))
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: is64 ? 8 : 4, write: false),
            let loaded = is64 ? load64(vp, address) : load32(vp, address)
        else { return RoutineResult.fault }
        value = loaded
    }
    if !is64 { value &= 0xffff_ffff }
    if wide {
        vector(vp, op.pointee.a).pointee = lv_xmm_of(value, 0)
    } else {
        setMMXRegister(vp, op.pointee.a, value)
    }
    return RoutineResult.next
}

/// MOVD and MOVQ (REX.W) r/m, mm/xmm.
private func storeToGeneral(_ vp: VP, _ op: UOp) -> Int32 {
    let wide = op.has(LV_UOP_OPERAND66)
    let is64 = op.has(LV_UOP_REX_W)
    guard wide ? sseReady(vp) : mmxReady(vp) else { return RoutineResult.fault }
    var value = wide ? lv_lane64(vector(vp, op.pointee.a), 0) : mmxRegister(vp, op.pointee.a)
    if !is64 { value &= 0xffff_ffff }
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: is64 ? 8 : 4, write: true),
            is64 ? store64(vp, address, value) : store32(vp, address, value)
        else { return RoutineResult.fault }
    } else {
        setRegister64(vp, Int(op.pointee.b), value)
    }
    if !wide { enterMMX(vp) }
    return RoutineResult.next
}

private func loadMMX(_ vp: VP, _ op: UOp) -> Int32 {
    guard mmxReady(vp) else { return RoutineResult.fault }
    var source = lv_xmm()
    guard loadMMXSource(vp, op, bytes: 8, &source) else { return RoutineResult.fault }
    setMMXRegister(vp, op.pointee.a, lv_lane64(&source, 0))
    return RoutineResult.next
}

private func storeMMX(_ vp: VP, _ op: UOp) -> Int32 {
    guard mmxReady(vp) else { return RoutineResult.fault }
    let value = mmxRegister(vp, op.pointee.a)
    if op.isMemory {
        guard let address = operandAddress(vp, op, bytes: 8, write: true), store64(vp, address, value) else {
            return RoutineResult.fault
        }
        enterMMX(vp)
    } else {
        setMMXRegister(vp, op.pointee.b, value)
    }
    return RoutineResult.next
}

/// MOVQ2DQ xmm, mm.
private func moveToVector(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp), mmxReady(vp) else { return RoutineResult.fault }
    vector(vp, op.pointee.a).pointee = lv_xmm_of(mmxRegister(vp, op.pointee.b), 0)
    enterMMX(vp)
    return RoutineResult.next
}

/// MOVDQ2Q mm, xmm.
private func moveFromVector(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp), mmxReady(vp) else { return RoutineResult.fault }
    setMMXRegister(vp, op.pointee.a, lv_lane64(vector(vp, op.pointee.b), 0))
    return RoutineResult.next
}

/// MASKMOVDQU and MASKMOVQ: stores to DS:rDI the bytes whose mask has its top bit set. All bytes must be
/// writable, whatever the mask (AMD's processors; Intel leaves the empty mask open).
private func maskedStore(_ vp: VP, _ op: UOp) -> Int32 {
    let wide = op.pointee.operation == Operation.maskmovdqu.rawValue
    guard wide ? sseReady(vp) : mmxReady(vp) else { return RoutineResult.fault }
    var value = wide ? vector(vp, op.pointee.a).pointee : lv_xmm_of(mmxRegister(vp, op.pointee.a), 0)
    var mask = wide ? vector(vp, op.pointee.b).pointee : lv_xmm_of(mmxRegister(vp, op.pointee.b), 0)
    let selected = lv_pmovmskb(&mask)
    // The register file turns MMX even when the store faults.
    if !wide { enterMMX(vp) }
    var offset = register64(vp, 7)
    if op.has(LV_UOP_ADDRESS32) { offset &= 0xffff_ffff } else if op.has(LV_UOP_ADDRESS16) { offset &= 0xffff }
    let bytes = wide ? 16 : 8
    guard let address = segmentAddress(vp, segment: Int(op.pointee.segment), offset: offset, bytes: bytes, write: true),
        prepareStore(vp, address, bytes: bytes)
    else { return RoutineResult.fault }
    for byte in 0..<bytes where selected >> UInt32(byte) & 1 != 0 {
        guard store8(vp, address &+ UInt64(byte), UInt64(lv_lane8(&value, UInt32(byte)))) else { return RoutineResult.fault }
    }
    return RoutineResult.next
}

/// LDMXCSR m32: a reserved bit is #GP.
private func loadControl(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp), let address = operandAddress(vp, op, bytes: 4, write: false), let value = load32(vp, address) else {
        return RoutineResult.fault
    }
    if value & ~UInt64(LV_MXCSR_MASK) != 0 { return raiseProtection(vp) }
    vp.pointee.mxcsr = UInt32(truncatingIfNeeded: value)
    return RoutineResult.next
}

private func storeControl(_ vp: VP, _ op: UOp) -> Int32 {
    guard sseReady(vp), let address = operandAddress(vp, op, bytes: 4, write: true),
        store32(vp, address, UInt64(vp.pointee.mxcsr))
    else { return RoutineResult.fault }
    return RoutineResult.next
}

import CHost

/// Operands of SSE and MMX instructions, and the shapes most of them share.
///
/// `a` is ModRM.reg and the destination, `b` or memory is ModRM.rm and the source. A shape is inlined into one routine per operation
/// together with its kernel, so that no pointer is called on the way.

typealias Vector = UnsafeMutablePointer<lv_xmm>
typealias VectorSource = UnsafePointer<lv_xmm>

@inline(__always) func vector(_ vp: VP, _ number: UInt8) -> Vector { lv_xmm_register(vp, UInt32(number)) }

/// The linear address of a 16-byte operand; nil: a fault is recorded. Misalignment is #GP(0) and goes before every other fault,
/// the #SS of a stack address that is not canonical included.
@inline(__always) func vectorAddress(_ vp: VP, _ op: UOp, aligned: Bool, write: Bool) -> UInt64? {
    guard let address = operandAddress(vp, op, bytes: 16, write: write) else {
        if aligned, (effectiveOffset(vp, op) &+ segmentPointer(vp, Int(op.pointee.segment)).pointee.base) & 15 != 0 { raiseProtection(vp) }
        return nil
    }
    if aligned, _slowPath(address & 15 != 0) {
        raiseProtection(vp)
        return nil
    }
    return address
}

/// Host address of the memory operand where nothing can go wrong: 64-bit code, a flat segment, no alignment checks, the page in the
/// translation cache. nil: the long way. The cache never holds an address that is not canonical.
@inline(__always) func directOperand(_ vp: VP, _ op: UOp, bytes: UInt64, alignment: UInt64, write: Bool) -> UnsafeMutableRawPointer? {
    let context = vp.pointee.context_key &>> 56
    guard context & (BlockContext.checked | 3) == 2, op.pointee.segment < UInt8(LV_FS) else { return nil }
    let words = registers(vp)
    var linear =
        words[Int(op.pointee.base)] &+ words[Int(op.pointee.index)] &<< UInt64(op.pointee.shift)
        &+ UInt64(bitPattern: Int64(op.pointee.displacement))
    if op.pointee.base == LV_RIP { linear &+= UInt64(op.pointee.length) }
    if op.has(LV_UOP_ADDRESS32) { linear &= 0xffff_ffff }
    guard linear & (alignment &- 1) == 0 else { return nil }
    return write ? writePointer(vp, linear, bytes) : readPointer(vp, linear, bytes)
}

/// Sixteen bytes as two 64-bit halves, each as `load64` would read it.
@inline(__always) func loadHalves(_ pointer: UnsafeMutableRawPointer) -> lv_xmm { lv_xmm_of(lv_load64(pointer), lv_load64(pointer + 8)) }

/// Reads a memory operand of 2, 4, 8 or 16 bytes into the low end of `destination`; false: a fault is recorded.
@inline(__always) func loadOperand(_ vp: VP, _ op: UOp, bytes: Int, aligned: Bool, into destination: Vector) -> Bool {
    if let pointer = directOperand(vp, op, bytes: UInt64(bytes), alignment: aligned && bytes == 16 ? 16 : 1, write: false) {
        switch bytes {
        case 16: destination.pointee = loadHalves(pointer)
        case 8: destination.pointee = lv_xmm_of(lv_load64(pointer), 0)
        case 4: destination.pointee = lv_xmm_of(UInt64(lv_load32(pointer)), 0)
        default: destination.pointee = lv_xmm_of(UInt64(lv_load16(pointer)), 0)
        }
        return true
    }
    return loadOperandChecked(vp, op, bytes: bytes, aligned: aligned, into: destination)
}

/// The same with every check, out of line.
@inline(never) private func loadOperandChecked(_ vp: VP, _ op: UOp, bytes: Int, aligned: Bool, into destination: Vector) -> Bool {
    guard
        let address = bytes == 16
            ? vectorAddress(vp, op, aligned: aligned, write: false) : operandAddress(vp, op, bytes: bytes, write: false)
    else { return false }
    switch bytes {
    case 16:
        guard let value = load128(vp, address) else { return false }
        destination.pointee = value
    case 8:
        guard let value = load64(vp, address) else { return false }
        destination.pointee = lv_xmm_of(value, 0)
    case 4:
        guard let value = load32(vp, address) else { return false }
        destination.pointee = lv_xmm_of(value, 0)
    default:
        guard let value = load16(vp, address) else { return false }
        destination.pointee = lv_xmm_of(value, 0)
    }
    return true
}

/// Gives `body` the source: the register itself, or a copy of memory with zeros above it.
@inline(__always) func withVectorSource(
    _ vp: VP, _ op: UOp, bytes: Int, aligned: Bool, _ body: (VectorSource) -> Int32
) -> Int32 {
    var copy = lv_xmm()
    return withUnsafeMutablePointer(to: &copy) { copy in
        guard op.isMemory else { return body(VectorSource(vector(vp, op.pointee.b))) }
        guard loadOperand(vp, op, bytes: bytes, aligned: aligned, into: copy) else { return RoutineResult.fault }
        return body(VectorSource(copy))
    }
}

/// Stores the low `bytes` of a register into the memory operand; a 16-byte store is aligned if `aligned`.
@inline(__always) func storeOperand(_ vp: VP, _ op: UOp, bytes: Int, aligned: Bool, _ value: VectorSource) -> Int32 {
    if let pointer = directOperand(vp, op, bytes: UInt64(bytes), alignment: aligned && bytes == 16 ? 16 : 1, write: true) {
        switch bytes {
        case 16:
            lv_store64(pointer, lv_lane64(value, 0))
            lv_store64(pointer + 8, lv_lane64(value, 1))
        case 8: lv_store64(pointer, lv_lane64(value, 0))
        default: lv_store32(pointer, lv_lane32(value, 0))
        }
        return RoutineResult.next
    }
    return storeOperandChecked(vp, op, bytes: bytes, aligned: aligned, value)
}

/// The same with every check, out of line.
@inline(never) private func storeOperandChecked(_ vp: VP, _ op: UOp, bytes: Int, aligned: Bool, _ value: VectorSource) -> Int32 {
    guard
        let address = bytes == 16
            ? vectorAddress(vp, op, aligned: aligned, write: true) : operandAddress(vp, op, bytes: bytes, write: true)
    else { return RoutineResult.fault }
    let stored: Bool
    switch bytes {
    case 16:
        stored = store128(vp, address, value.pointee)
    case 8: stored = store64(vp, address, lv_lane64(value, 0))
    default: stored = store32(vp, address, UInt64(lv_lane32(value, 0)))
    }
    return stored ? RoutineResult.next : RoutineResult.fault
}

/// Arithmetic with flags: `bytes` is the size of the memory form, 16 means aligned.
@inline(__always) func floating(
    _ vp: VP, _ op: UOp, bytes: Int, _ kernel: (Vector, VectorSource, UInt32) -> UInt32
) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    return withVectorSource(vp, op, bytes: bytes, aligned: true) { source in
        settleSSE(vp, kernel(vector(vp, op.pointee.a), source, vp.pointee.mxcsr))
    }
}

/// An operation without flags on 128-bit registers.
@inline(__always) func plainVector(
    _ vp: VP, _ op: UOp, bytes: Int = 16, _ kernel: (Vector, VectorSource) -> Void
) -> Int32 {
    guard sseReady(vp) else { return RoutineResult.fault }
    return withVectorSource(vp, op, bytes: bytes, aligned: true) { source in
        kernel(vector(vp, op.pointee.a), source)
        return RoutineResult.next
    }
}

typealias VectorKernel = @convention(c) (Vector, VectorSource) -> Void

/// An integer operation that exists for XMM (66 prefix) and for MMX registers. `mmx` where the 64-bit form is not the low half
/// of the 128-bit one; `mmxBytes`: size of the MMX memory operand.
@inline(__always) func packedInteger(
    _ vp: VP, _ op: UOp, _ kernel: VectorKernel, mmx: VectorKernel? = nil, mmxBytes: Int = 8
) -> Int32 {
    op.has(LV_UOP_OPERAND66) ? plainVector(vp, op, kernel) : mmxInteger(vp, op, mmx ?? kernel, mmxBytes)
}

/// A shift by an immediate; the register is ModRM.rm.
@inline(__always) func shiftImmediate(_ vp: VP, _ op: UOp, _ kernel: VectorKernel) -> Int32 {
    var count = lv_xmm_of(UInt64(UInt8(truncatingIfNeeded: op.pointee.immediate)), 0)
    if op.has(LV_UOP_OPERAND66) {
        guard sseReady(vp) else { return RoutineResult.fault }
        kernel(vector(vp, op.pointee.b), &count)
    } else {
        guard mmxReady(vp) else { return RoutineResult.fault }
        var value = lv_xmm_of(mmxRegister(vp, op.pointee.b), 0)
        kernel(&value, &count)
        setMMXRegister(vp, op.pointee.b, lv_lane64(&value, 0))
    }
    return RoutineResult.next
}

/// The immediate byte.
@inline(__always) func immediateByte(_ op: UOp) -> UInt32 { UInt32(UInt8(truncatingIfNeeded: op.pointee.immediate)) }

import CHost

/// Sign-extends a value of `1 << log2` bytes to 64 bits.
@inline(__always) func signExtend(_ value: UInt64, _ log2: Int) -> UInt64 {
    switch log2 {
    case 0: UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: value)))
    case 1: UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value)))
    case 2: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    default: value
    }
}

/// The rm operand, zero-extended; nil: a fault is recorded.
@inline(__always) func readRM(_ vp: VP, _ op: UOp, log2: Int) -> UInt64? {
    if op.isMemory {
        guard let linear = operandAddress(vp, op, bytes: 1 &<< log2, write: false) else { return nil }
        return loadSized(vp, linear, log2: log2)
    }
    return registerSized(vp, Int(op.pointee.b), log2: log2, rex: op.has(LV_UOP_REX))
}

/// Writes the rm operand; false: a fault is recorded.
@inline(__always) func writeRM(_ vp: VP, _ op: UOp, log2: Int, _ value: UInt64) -> Bool {
    if op.isMemory {
        guard let linear = operandAddress(vp, op, bytes: 1 &<< log2, write: true) else { return false }
        return storeSized(vp, linear, value, log2: log2)
    }
    setRegisterSized(vp, Int(op.pointee.b), log2: log2, rex: op.has(LV_UOP_REX), value)
    return true
}

/// The ModRM.reg operand, zero-extended.
@inline(__always) func readReg(_ vp: VP, _ op: UOp, log2: Int) -> UInt64 {
    registerSized(vp, Int(op.pointee.a), log2: log2, rex: op.has(LV_UOP_REX))
}

@inline(__always) func writeReg(_ vp: VP, _ op: UOp, log2: Int, _ value: UInt64) {
    setRegisterSized(vp, Int(op.pointee.a), log2: log2, rex: op.has(LV_UOP_REX), value)
}

/// The immediate as an operand.
@inline(__always) func immediate(_ op: UOp) -> UInt64 { UInt64(bitPattern: Int64(op.pointee.immediate)) }

/// Reads, changes and writes the rm operand; returns the old value, or nil with a fault recorded and nothing written. In memory the page
/// is checked for writing first; LOCK (or `locked`) makes it one atomic step.
@inline(__always)
func updateRM(_ vp: VP, _ op: UOp, log2: Int, locked: Bool = false, _ change: (UInt64) -> UInt64) -> UInt64? {
    if !op.isMemory {
        let old = registerSized(vp, Int(op.pointee.b), log2: log2, rex: op.has(LV_UOP_REX))
        setRegisterSized(vp, Int(op.pointee.b), log2: log2, rex: op.has(LV_UOP_REX), change(old))
        return old
    }
    guard let linear = operandAddress(vp, op, bytes: 1 &<< log2, write: true) else { return nil }
    return updateMemory(vp, linear, log2: log2, locked: locked || op.has(LV_UOP_LOCK), change)
}

/// `updateRM` at a linear address.
@inline(__always)
func updateMemory(_ vp: VP, _ linear: UInt64, log2: Int, locked: Bool, _ change: (UInt64) -> UInt64) -> UInt64? {
    let bytes = 1 &<< log2
    if let pointer = writePointer(vp, linear, UInt64(bytes)) ?? interpreter(vp).pointerForUpdate(linear, bytes) {
        var old = loadHost(pointer, log2)
        if !locked {
            storeHost(pointer, log2, change(old))
            return old
        }
        while !exchangeHost(pointer, log2, &old, change(old)) {}
        return old
    }
    if vp.pointee.fault.pending != 0 { return nil }
    // Over two pages, or intercepted: in parts, with the world stopped when it must look atomic.
    func parts() -> UInt64? {
        guard prepareStore(vp, linear, bytes: bytes), let old = loadSized(vp, linear, log2: log2),
            storeSized(vp, linear, change(old), log2: log2)
        else { return nil }
        return old
    }
    if locked, linear & 0xfff &+ UInt64(bytes) > 4096 { return stopped(vp, parts) }
    return parts()
}

@inline(never) private func stopped(_ vp: VP, _ body: () -> UInt64?) -> UInt64? {
    let engine = interpreter(vp)
    return engine.group.withOthersStopped(engine.channel, body)
}

@inline(__always) func loadHost(_ pointer: UnsafeMutableRawPointer, _ log2: Int) -> UInt64 {
    switch log2 {
    case 0: UInt64(lv_load8(pointer))
    case 1: UInt64(lv_load16(pointer))
    case 2: UInt64(lv_load32(pointer))
    default: lv_load64(pointer)
    }
}

@inline(__always) func storeHost(_ pointer: UnsafeMutableRawPointer, _ log2: Int, _ value: UInt64) {
    switch log2 {
    case 0: lv_store8(pointer, UInt8(truncatingIfNeeded: value))
    case 1: lv_store16(pointer, UInt16(truncatingIfNeeded: value))
    case 2: lv_store32(pointer, UInt32(truncatingIfNeeded: value))
    default: lv_store64(pointer, value)
    }
}

/// Locked compare-exchange by a host instruction; `expected` receives what was there.
@inline(__always)
func exchangeHost(_ pointer: UnsafeMutableRawPointer, _ log2: Int, _ expected: inout UInt64, _ value: UInt64) -> Bool {
    switch log2 {
    case 0:
        var old = UInt8(truncatingIfNeeded: expected)
        let done = lv_cas8(pointer, &old, UInt8(truncatingIfNeeded: value))
        expected = UInt64(old)
        return done
    case 1:
        var old = UInt16(truncatingIfNeeded: expected)
        let done = lv_cas16(pointer, &old, UInt16(truncatingIfNeeded: value))
        expected = UInt64(old)
        return done
    case 2:
        var old = UInt32(truncatingIfNeeded: expected)
        let done = lv_cas32(pointer, &old, UInt32(truncatingIfNeeded: value))
        expected = UInt64(old)
        return done
    default: return lv_cas64(pointer, &expected, value)
    }
}

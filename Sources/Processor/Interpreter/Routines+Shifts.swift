import CHost

/// Shift count of the D2/D3 rows: CL.
private let countInCL: Int32 = 256

@inline(__always) func shiftCount(_ vp: VP, _ op: UOp) -> UInt64 {
    let raw = op.pointee.immediate == countInCL ? register64(vp, 1) : immediate(op)
    return raw & (op.log2Size == 3 ? 63 : 31)
}

/// Shifts and rotates: result and CF, OF of one size. AMD leaves OF undefined for counts above 1; here it follows the rule for 1.
enum ShiftOperation { case shl, shr, sar, rol, ror, rcl, rcr }

/// (result, CF, OF) for a zero-extended value and a count that is not 0.
@inline(__always)
func shifted(_ operation: ShiftOperation, _ value: UInt64, _ count: UInt64, _ log2: Int, _ carry: UInt64) -> (UInt64, UInt64, UInt64) {
    let bits = 8 &<< UInt64(log2)
    let mask = sizeMask(log2)
    let top = bits &- 1
    switch operation {
    case .shl:
        let result = (value &<< count) & mask
        let cf = count <= bits ? (value &>> (bits &- count)) & 1 : 0
        return (result, cf, (result &>> top) ^ cf)
    case .shr:
        return (value &>> count, (value &>> (count &- 1)) & 1, count == 1 ? value &>> top : 0)
    case .sar:
        let signed = Int64(bitPattern: signExtend(value, log2))
        return (UInt64(bitPattern: signed &>> Int64(count)) & mask, UInt64(bitPattern: signed &>> Int64(count &- 1)) & 1, 0)
    case .rol:
        let turn = count & top
        let result = turn == 0 ? value : (value &<< turn | value &>> (bits &- turn)) & mask
        let cf = result & 1
        return (result, cf, (result &>> top) ^ cf)
    case .ror:
        let turn = count & top
        let result = turn == 0 ? value : (value &>> turn | value &<< (bits &- turn)) & mask
        return (result, result &>> top, ((result &>> top) ^ (result &>> (top &- 1))) & 1)
    case .rcl:
        var result = value
        var cf = carry
        for _ in 0..<(count % (bits &+ 1)) { (result, cf) = ((result &<< 1 | cf) & mask, result &>> top & 1) }
        return (result, cf, (result &>> top) ^ cf)
    case .rcr:
        var result = value
        var cf = carry
        for _ in 0..<(count % (bits &+ 1)) { (result, cf) = (result &>> 1 | cf &<< top, result & 1) }
        return (result, cf, ((result &>> top) ^ (result &>> (top &- 1))) & 1)
    }
}

@inline(__always)
private func shift(_ vp: VP, _ op: UOp, _ operation: ShiftOperation) -> Int32 {
    let log2 = op.log2Size
    let count = shiftCount(vp, op)
    let carry = operation == .rcl || operation == .rcr ? carryFlag(vp) : 0
    if count == 0 {
        // Writes back what was there: the access and the clearing of the upper half remain.
        guard updateRM(vp, op, log2: log2, { $0 }) != nil else { return RoutineResult.fault }
        return RoutineResult.next
    }
    guard let old = updateRM(vp, op, log2: log2, { shifted(operation, $0, count, log2, carry).0 }) else { return RoutineResult.fault }
    let (result, cf, of) = shifted(operation, old, count, log2, carry)
    switch operation {
    case .shl, .shr, .sar: setExplicit(vp, signExtend(result, log2), cf | of &<< 11)
    default:
        let others = arithmeticFlags(vp) & ~(RFLAGS.carry | RFLAGS.overflow)
        setArithmeticFlags(vp, others | cf | of &<< 11)
    }
    return RoutineResult.next
}

func shiftRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .shl: { shift($0, $1, .shl) }
    case .shr: { shift($0, $1, .shr) }
    case .sar: { shift($0, $1, .sar) }
    case .rol: { shift($0, $1, .rol) }
    case .ror: { shift($0, $1, .ror) }
    case .rcl: { shift($0, $1, .rcl) }
    case .rcr: { shift($0, $1, .rcr) }
    case .shld: { doubleShift($0, $1, left: true) }
    case .shrd: { doubleShift($0, $1, left: false) }
    default: nil
    }
}

/// SHLD, SHRD. For 16-bit operands and counts above 16 (undefined in the manuals) bits come round again from the source.
private func doubleShift(_ vp: VP, _ op: UOp, left: Bool) -> Int32 {
    let log2 = op.log2Size
    let bits = 8 &<< UInt64(log2)
    let count = shiftCount(vp, op)
    let source = readReg(vp, op, log2: log2)
    // A function, not a closure in a constant: that would be an object for each instruction.
    func change(_ value: UInt64) -> UInt64 {
        if count == 0 { return value }
        if count > bits {
            let turn = count &- bits
            return left ? (source &<< turn | value &>> (bits &- turn)) : (source &>> turn | value &<< (bits &- turn))
        }
        if count == bits { return source }
        return left ? (value &<< count | source &>> (bits &- count)) : (value &>> count | source &<< (bits &- count))
    }
    guard let old = updateRM(vp, op, log2: log2, change) else { return RoutineResult.fault }
    if count == 0 { return RoutineResult.next }
    let result = change(old) & sizeMask(log2)
    let cf = count > bits ? 0 : left ? (old &>> (bits &- count)) & 1 : (old &>> (count &- 1)) & 1
    let of = (result ^ old) &>> (bits &- 1) & 1
    setExplicit(vp, signExtend(result, log2), cf | of &<< 11)
    return RoutineResult.next
}

/// BT BTS BTR BTC, BSF BSR, POPCNT, BSWAP.
func bitRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .bt: { bitTest($0, $1) { value, _ in value } }
    case .bts: { bitTest($0, $1) { value, bit in value | bit } }
    case .btr: { bitTest($0, $1) { value, bit in value & ~bit } }
    case .btc: { bitTest($0, $1) { value, bit in value ^ bit } }
    case .bsf:
        { vp, op in
            let log2 = op.log2Size
            guard let value = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            if value != 0 { writeReg(vp, op, log2: log2, UInt64(truncatingIfNeeded: value.trailingZeroBitCount)) }
            setExplicit(vp, signExtend(value, log2), 0)
            return RoutineResult.next
        }
    case .bsr:
        { vp, op in
            let log2 = op.log2Size
            guard let value = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            if value != 0 { writeReg(vp, op, log2: log2, UInt64(truncatingIfNeeded: 63 &- value.leadingZeroBitCount)) }
            setExplicit(vp, signExtend(value, log2), 0)
            return RoutineResult.next
        }
    case .popcnt:
        { vp, op in
            let log2 = op.log2Size
            guard let value = readRM(vp, op, log2: log2) else { return RoutineResult.fault }
            writeReg(vp, op, log2: log2, UInt64(truncatingIfNeeded: value.nonzeroBitCount))
            setArithmeticFlags(vp, value == 0 ? RFLAGS.zero : 0)
            return RoutineResult.next
        }
    case .bswap:
        { vp, op in
            let number = Int(op.pointee.b)
            switch op.log2Size {
            case 3: setRegister64(vp, number, register64(vp, number).byteSwapped)
            case 2: setRegister64(vp, number, UInt64(UInt32(truncatingIfNeeded: register64(vp, number)).byteSwapped))
            // Undefined; processors clear the word.
            default: setRegisterSized(vp, number, log2: 1, rex: true, 0)
            }
            return RoutineResult.next
        }
    default: nil
    }
}

@inline(__always)
private func bitTest(_ vp: VP, _ op: UOp, _ change: (UInt64, UInt64) -> UInt64) -> Int32 {
    let log2 = op.log2Size
    let bits = 8 &<< UInt64(log2)
    let fromRegister = op.pointee.immediate == 256
    let index = fromRegister ? signExtend(readReg(vp, op, log2: log2), log2) : immediate(op)
    let bit = UInt64(1) &<< (index & (bits &- 1))
    let isTest = op.pointee.operation == Operation.bt.rawValue
    let old: UInt64?
    if op.isMemory {
        var offset = effectiveOffset(vp, op)
        if fromRegister {
            offset &+= UInt64(bitPattern: (Int64(bitPattern: index) &>> Int64(3 &+ log2)) &<< Int64(log2))
            if op.has(LV_UOP_ADDRESS32) { offset &= 0xffff_ffff } else if op.has(LV_UOP_ADDRESS16) { offset &= 0xffff }
        }
        guard let linear = segmentAddress(vp, segment: Int(op.pointee.segment), offset: offset, bytes: 1 &<< log2, write: !isTest) else {
            return RoutineResult.fault
        }
        old =
            isTest
            ? loadSized(vp, linear, log2: log2)
            : updateMemory(vp, linear, log2: log2, locked: op.has(LV_UOP_LOCK)) { change($0, bit) }
    } else if isTest {
        old = readRM(vp, op, log2: log2)
    } else {
        old = updateRM(vp, op, log2: log2) { change($0, bit) }
    }
    guard let old else { return RoutineResult.fault }
    setArithmeticFlags(vp, arithmeticFlags(vp) & ~RFLAGS.carry | (old & bit != 0 ? 1 : 0))
    return RoutineResult.next
}

import CHost

/// The x87 register stack: tags, TOP, stack faults, and how a kernel's status becomes the guest's (SDM vol. 1, 8.1 and 8.5).
///
/// `fsw` is always consistent: ES and B are set exactly while a flag is set that `fcw` does not mask.
/// `ftw` holds 3 for an empty register and anything else for one in use; FNSTENV derives the other codes from the contents.

typealias X87Register = UnsafeMutablePointer<lv_x87_register>
typealias X87Source = UnsafePointer<lv_x87_register>

/// Bits of the status word.
enum X87Status {
    static let invalid: UInt16 = 1, denormal: UInt16 = 2, zeroDivide: UInt16 = 4, overflow: UInt16 = 8, underflow: UInt16 = 16
    static let stackFault: UInt16 = 0x40, summary: UInt16 = 0x80, busy: UInt16 = 0x8000
    static let c0: UInt16 = 0x100, c1: UInt16 = 0x200, c2: UInt16 = 0x400, c3: UInt16 = 0x4000
    static let conditions: UInt16 = 0x4700, top: UInt16 = 0x3800, flags: UInt16 = 0x3f
    /// Found before the operation: unmasked, it is not done at all.
    static let before: UInt16 = invalid | denormal | zeroDivide
    /// Found when a result is made for memory: unmasked, nothing is stored and nothing popped.
    static let store: UInt16 = before | overflow | underflow
}

/// The physical number of ST(i).
@inline(__always) func physical(_ vp: VP, _ i: UInt32) -> UInt32 { (UInt32(vp.pointee.fsw) >> 11 &+ i) & 7 }
@inline(__always) func st(_ vp: VP, _ i: UInt32) -> X87Register { lv_x87_physical(vp, physical(vp, i)) }
@inline(__always) func isEmpty(_ vp: VP, _ i: UInt32) -> Bool { vp.pointee.ftw >> (2 &* UInt16(physical(vp, i))) & 3 == 3 }
@inline(__always) func markValid(_ vp: VP, _ i: UInt32) { vp.pointee.ftw &= ~(3 << (2 &* UInt16(physical(vp, i)))) }
@inline(__always) func markEmpty(_ vp: VP, _ i: UInt32) { vp.pointee.ftw |= 3 << (2 &* UInt16(physical(vp, i))) }

/// Adds to TOP, modulo 8.
@inline(__always) func rotate(_ vp: VP, _ by: UInt16) {
    let fsw = vp.pointee.fsw
    vp.pointee.fsw = fsw & ~X87Status.top | (fsw &+ by << 11) & X87Status.top
}

@inline(__always) func popRegister(_ vp: VP) {
    markEmpty(vp, 0)
    rotate(vp, 1)
}

/// Makes room on top and puts a value there.
@inline(__always) func pushRegister(_ vp: VP, _ value: lv_x87_register) {
    rotate(vp, 7)
    markValid(vp, 0)
    st(vp, 0).pointee = value
}

/// The masked answer to an invalid operation: the negative quiet NaN (SDM vol. 1, 4.8.3.7).
@inline(__always) var indefinite: lv_x87_register {
    lv_x87_register(significand: 0xc000_0000_0000_0000, sign_exponent: 0xffff, reserved: (0, 0, 0))
}

/// Brings ES and B in line with flags and masks; returns the unmasked flags.
@discardableResult
@inline(__always) func summarise(_ vp: VP) -> UInt16 {
    let unmasked = vp.pointee.fsw & ~vp.pointee.fcw & X87Status.flags
    if _fastPath(unmasked == 0) {
        vp.pointee.fsw &= ~(X87Status.summary | X87Status.busy)
    } else {
        vp.pointee.fsw |= X87Status.summary | X87Status.busy
    }
    return unmasked
}

/// What a kernel is told of the control word: see floating_point_x87.h.
@inline(__always) func x87Control(_ vp: VP) -> UInt32 {
    UInt32(vp.pointee.fcw) | UInt32(vp.pointee.fsw & vp.pointee.fcw) << 16 & UInt32(LV_X87_INEXACT)
}

/// Takes a kernel's status: flags are added, the condition bits in `conditions` replaced. Returns the flags raised and not masked.
@inline(__always) func settleX87(_ vp: VP, _ status: UInt32, conditions: UInt16 = X87Status.c1) -> UInt16 {
    let status = UInt16(truncatingIfNeeded: status)
    vp.pointee.fsw = vp.pointee.fsw & ~conditions | status & (conditions | X87Status.flags)
    let raised = status & X87Status.flags & ~vp.pointee.fcw
    if _slowPath(raised != 0) { vp.pointee.fsw |= X87Status.summary | X87Status.busy }
    return raised
}

/// Records a stack fault: IE and SF, C1 set for overflow and clear for underflow. True: it is masked, the indefinite is the result.
@inline(never) func stackFault(_ vp: VP, overflow: Bool) -> Bool {
    vp.pointee.fsw &= ~X87Status.c1
    vp.pointee.fsw |= X87Status.invalid | X87Status.stackFault | (overflow ? X87Status.c1 : 0)
    return summarise(vp) & X87Status.invalid == 0
}

/// Notes address and opcode for FNSTENV and FNSAVE (SDM vol. 1, 8.1.8). The decoder leaves FOP in the immediate.
@inline(__always) func noteInstruction(_ vp: VP, _ op: UOp) {
    vp.pointee.fip = vp.pointee.rip
    vp.pointee.fcs = segmentPointer(vp, Int(LV_CS)).pointee.selector
    vp.pointee.fop = UInt16(truncatingIfNeeded: op.pointee.immediate) & 0x7ff
}

/// As `noteInstruction`, with the address of the memory operand.
@inline(__always) func noteMemory(_ vp: VP, _ op: UOp) {
    noteInstruction(vp, op)
    vp.pointee.fdp = effectiveOffset(vp, op)
    vp.pointee.fds = segmentPointer(vp, Int(op.pointee.segment)).pointee.selector
}

/// Copies a memory operand of 2, 4, 8 or 10 bytes; nil: a fault is recorded.
@inline(__always) func loadX87(_ vp: VP, _ op: UOp, bytes: Int) -> lv_x87_register? {
    if bytes == 4 || bytes == 8, let pointer = directOperand(vp, op, bytes: UInt64(bytes), alignment: 1, write: false) {
        let value = bytes == 4 ? UInt64(lv_load32(pointer)) : lv_load64(pointer)
        return lv_x87_register(significand: value, sign_exponent: 0, reserved: (0, 0, 0))
    }
    guard let address = operandAddress(vp, op, bytes: bytes, write: false) else { return nil }
    let low: UInt64?
    switch bytes {
    case 2: low = load16(vp, address)
    case 4: low = load32(vp, address)
    default: low = load64(vp, address)
    }
    guard let low else { return nil }
    var high: UInt64 = 0
    if bytes == 10 {
        guard let word = load16(vp, address &+ 8) else { return nil }
        high = word
    }
    return lv_x87_register(significand: low, sign_exponent: UInt16(truncatingIfNeeded: high), reserved: (0, 0, 0))
}

/// Stores a memory operand of 2, 4, 8 or 10 bytes whole or not at all; false: a fault is recorded.
@inline(__always) func storeX87(_ vp: VP, _ address: UInt64, bytes: Int, _ value: lv_x87_register) -> Bool {
    switch bytes {
    case 2: return store16(vp, address, value.significand & 0xffff)
    case 4: return store32(vp, address, value.significand & 0xffff_ffff)
    case 8: return store64(vp, address, value.significand)
    default:
        return prepareStore(vp, address, bytes: 10) && store64(vp, address, value.significand)
            && store16(vp, address &+ 8, UInt64(value.sign_exponent))
    }
}

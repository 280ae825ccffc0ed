import CHost

/// The state block of the virtual processor an instruction runs on.
package typealias VP = UnsafeMutablePointer<lv_vp>
/// The decoded instruction being executed.
package typealias UOp = UnsafePointer<lv_uop>

/// A complete implementation of one operation in every size and addressing form.
///
/// Called with `vp.rip` at the instruction, `vp.next_length` its length and `vp.retired` exact (this instruction not counted).
/// Operands: `a` = ModRM.reg, `b` = ModRM.rm unless LV_UOP_MEMORY, the immediate sign-extended. Where an instruction has more:
/// - relative branches (J) carry the distance in `displacement`; conditions (0–15) are in `immediate`
/// - `Ap` (far pointers) has the offset in `immediate` (zero-extend it) and the selector in `displacement`
/// - ENTER has its first immediate in bits 0–15 and its second in bits 16–23
/// - a 64-bit immediate or a memory offset (O) is the UInt64 at the start of the next slot (`op.constant64`)
/// - registers coded in the opcode (`+r`) and ST(i) are in `b`
package typealias Routine = @convention(c) (VP, UOp) -> Int32

/// How a routine ended.
package enum RoutineResult {
    /// Done; RIP goes on behind the instruction, one instruction is retired.
    package static let next: Int32 = 0
    /// `vp.fault` is set by `raise`; nothing of the instruction is done and it is not counted.
    package static let fault: Int32 = 1
    /// Done; the routine has set RIP (and mode) itself. Retired; a look-up of the block follows.
    package static let jump: Int32 = 2
    /// An iteration of a REP instruction is done and counted; RIP stays on the instruction, which is entered again.
    package static let again: Int32 = 3
    /// As `next`, but the block ends here: paging, mode, IF or `exit_reason` changed.
    package static let end: Int32 = 4
}

extension UnsafePointer<lv_uop> {
    /// Log2 of the operand size in bytes.
    @inline(__always) package var log2Size: Int { Int(pointee.flags) & 3 }
    /// Operand size in bytes.
    @inline(__always) package var size: Int { 1 &<< log2Size }
    @inline(__always) package func has(_ flag: Int) -> Bool { pointee.flags & UInt16(truncatingIfNeeded: flag) != 0 }
    @inline(__always) package var isMemory: Bool { pointee.flags & UInt16(LV_UOP_MEMORY) != 0 }
    /// The 64-bit constant in the slot behind this micro-op.
    @inline(__always) package var constant64: UInt64 { UnsafeRawPointer(self + 1).load(as: UInt64.self) }
}

/// The general registers of a VP as words, and the words behind them that addressing uses (LV_RIP, LV_NO_REGISTER, LV_BLOCK_RIP).
@inline(__always) package func registers(_ vp: VP) -> UnsafeMutablePointer<UInt64> {
    UnsafeMutableRawPointer(vp).assumingMemoryBound(to: UInt64.self)
}

/// A general register, 64 bits.
@inline(__always) package func register64(_ vp: VP, _ number: Int) -> UInt64 { registers(vp)[number] }
@inline(__always) package func setRegister64(_ vp: VP, _ number: Int, _ value: UInt64) { registers(vp)[number] = value }

/// A byte register: without REX, numbers 4–7 are AH CH DH BH.
@inline(__always) package func register8(_ vp: VP, _ number: Int, rex: Bool) -> UInt8 {
    if !rex, number & 0x1c == 4 { return UInt8(truncatingIfNeeded: registers(vp)[number & 3] &>> 8) }
    return UInt8(truncatingIfNeeded: registers(vp)[number])
}

@inline(__always) package func setRegister8(_ vp: VP, _ number: Int, rex: Bool, _ value: UInt8) {
    let bytes = UnsafeMutableRawPointer(vp).assumingMemoryBound(to: UInt8.self)
    if !rex, number & 0x1c == 4 {
        bytes[(number & 3) &* 8 &+ 1] = value
    } else {
        bytes[number &* 8] = value
    }
}

/// A register of the given size (log2 of bytes), zero-extended.
@inline(__always) package func registerSized(_ vp: VP, _ number: Int, log2: Int, rex: Bool) -> UInt64 {
    switch log2 {
    case 0: UInt64(register8(vp, number, rex: rex))
    case 1: registers(vp)[number] & 0xffff
    case 2: registers(vp)[number] & 0xffff_ffff
    default: registers(vp)[number]
    }
}

/// Writes a register of the given size: 32-bit results clear the upper half, smaller ones leave the rest.
@inline(__always) package func setRegisterSized(_ vp: VP, _ number: Int, log2: Int, rex: Bool, _ value: UInt64) {
    switch log2 {
    case 0: setRegister8(vp, number, rex: rex, UInt8(truncatingIfNeeded: value))
    case 1: registers(vp)[number] = registers(vp)[number] & ~0xffff | value & 0xffff
    case 2: registers(vp)[number] = value & 0xffff_ffff
    default: registers(vp)[number] = value
    }
}

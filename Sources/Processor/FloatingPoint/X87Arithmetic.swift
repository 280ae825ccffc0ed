import CHost

/// Routines of x87 arithmetic and the transcendental functions (SDM vol. 1, 8.3.5 to 8.3.8).
func x87ArithmeticRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .fadd: return { x87Binary($0, $1, target: 0, source: ($1.index), lv_fadd) }
    case .fsub: return { x87Binary($0, $1, target: 0, source: ($1.index), lv_fsub) }
    case .fsubr: return { x87Binary($0, $1, target: 0, source: ($1.index), lv_fsubr) }
    case .fmul: return { x87Binary($0, $1, target: 0, source: ($1.index), lv_fmul) }
    case .fdiv: return { x87Binary($0, $1, target: 0, source: ($1.index), lv_fdiv) }
    case .fdivr: return { x87Binary($0, $1, target: 0, source: ($1.index), lv_fdivr) }
    case .faddTo: return { x87Binary($0, $1, target: $1.index, source: 0, lv_fadd) }
    case .fsubTo: return { x87Binary($0, $1, target: $1.index, source: 0, lv_fsub) }
    case .fsubrTo: return { x87Binary($0, $1, target: $1.index, source: 0, lv_fsubr) }
    case .fmulTo: return { x87Binary($0, $1, target: $1.index, source: 0, lv_fmul) }
    case .fdivTo: return { x87Binary($0, $1, target: $1.index, source: 0, lv_fdiv) }
    case .fdivrTo: return { x87Binary($0, $1, target: $1.index, source: 0, lv_fdivr) }
    case .faddp: return { x87Binary($0, $1, target: $1.index, source: 0, pops: 1, lv_fadd) }
    case .fsubp: return { x87Binary($0, $1, target: $1.index, source: 0, pops: 1, lv_fsub) }
    case .fsubrp: return { x87Binary($0, $1, target: $1.index, source: 0, pops: 1, lv_fsubr) }
    case .fmulp: return { x87Binary($0, $1, target: $1.index, source: 0, pops: 1, lv_fmul) }
    case .fdivp: return { x87Binary($0, $1, target: $1.index, source: 0, pops: 1, lv_fdiv) }
    case .fdivrp: return { x87Binary($0, $1, target: $1.index, source: 0, pops: 1, lv_fdivr) }
    default: return x87MemoryRoutine(operation) ?? x87FunctionRoutine(operation)
    }
}

extension UnsafePointer<lv_uop> {
    /// The i of an ST(i) operand.
    @inline(__always) var index: UInt32 { UInt32(pointee.b & 7) }
}

private func x87MemoryRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .faddM32: return { x87Memory($0, $1, bytes: 4, lv_fadd_m32) }
    case .faddM64: return { x87Memory($0, $1, bytes: 8, lv_fadd_m64) }
    case .fiaddM16: return { x87Memory($0, $1, bytes: 2, lv_fiadd_m16) }
    case .fiaddM32: return { x87Memory($0, $1, bytes: 4, lv_fiadd_m32) }
    case .fsubM32: return { x87Memory($0, $1, bytes: 4, lv_fsub_m32) }
    case .fsubM64: return { x87Memory($0, $1, bytes: 8, lv_fsub_m64) }
    case .fisubM16: return { x87Memory($0, $1, bytes: 2, lv_fisub_m16) }
    case .fisubM32: return { x87Memory($0, $1, bytes: 4, lv_fisub_m32) }
    case .fsubrM32: return { x87Memory($0, $1, bytes: 4, lv_fsubr_m32) }
    case .fsubrM64: return { x87Memory($0, $1, bytes: 8, lv_fsubr_m64) }
    case .fisubrM16: return { x87Memory($0, $1, bytes: 2, lv_fisubr_m16) }
    case .fisubrM32: return { x87Memory($0, $1, bytes: 4, lv_fisubr_m32) }
    case .fmulM32: return { x87Memory($0, $1, bytes: 4, lv_fmul_m32) }
    case .fmulM64: return { x87Memory($0, $1, bytes: 8, lv_fmul_m64) }
    case .fimulM16: return { x87Memory($0, $1, bytes: 2, lv_fimul_m16) }
    case .fimulM32: return { x87Memory($0, $1, bytes: 4, lv_fimul_m32) }
    case .fdivM32: return { x87Memory($0, $1, bytes: 4, lv_fdiv_m32) }
    case .fdivM64: return { x87Memory($0, $1, bytes: 8, lv_fdiv_m64) }
    case .fidivM16: return { x87Memory($0, $1, bytes: 2, lv_fidiv_m16) }
    case .fidivM32: return { x87Memory($0, $1, bytes: 4, lv_fidiv_m32) }
    case .fdivrM32: return { x87Memory($0, $1, bytes: 4, lv_fdivr_m32) }
    case .fdivrM64: return { x87Memory($0, $1, bytes: 8, lv_fdivr_m64) }
    case .fidivrM16: return { x87Memory($0, $1, bytes: 2, lv_fidivr_m16) }
    case .fidivrM32: return { x87Memory($0, $1, bytes: 4, lv_fidivr_m32) }
    default: return nil
    }
}

private func x87FunctionRoutine(_ operation: Operation) -> Routine? {
    switch operation {
    case .fsqrt: return { x87Unary($0, $1, lv_fsqrt) }
    case .frndint: return { x87Unary($0, $1, lv_frndint) }
    case .f2xm1: return { x87Unary($0, $1, lv_f2xm1) }
    case .fchs: return { x87Unary($0, $1, lv_fchs) }
    case .fabs: return { x87Unary($0, $1, lv_fabs) }
    case .fsin: return { x87Unary($0, $1, conditions: X87Status.c1 | X87Status.c2, lv_fsin) }
    case .fcos: return { x87Unary($0, $1, conditions: X87Status.c1 | X87Status.c2, lv_fcos) }
    case .fscale: return { x87WithSecond($0, $1, conditions: X87Status.c1, lv_fscale) }
    case .fprem: return { x87WithSecond($0, $1, conditions: X87Status.conditions, lv_fprem) }
    case .fprem1: return { x87WithSecond($0, $1, conditions: X87Status.conditions, lv_fprem1) }
    case .fyl2x: return { x87Popping($0, $1, lv_fyl2x) }
    case .fyl2xp1: return { x87Popping($0, $1, lv_fyl2xp1) }
    case .fpatan: return { x87Popping($0, $1, lv_fpatan) }
    case .fptan: return { x87Pushing($0, $1, conditions: X87Status.c1 | X87Status.c2, lv_fptan) }
    case .fsincos: return { x87Pushing($0, $1, conditions: X87Status.c1 | X87Status.c2, lv_fsincos) }
    case .fxtract: return { x87Pushing($0, $1, conditions: X87Status.c1, lv_fxtract) }
    default: return nil
    }
}

import CHost

/// How the six arithmetic flags follow from (result, a, b). All three are kept sign-extended from the operand size to 64 bits, so
/// that no kind depends on the size: the sign is bit 63, carries out of the top bit appear there, and unsigned order is kept.
enum FlagsKind {
    /// They are in `rflags`.
    static let eager = UInt32(LV_FLAGS_EAGER)
    /// result = a + b (+ carry).
    static let add: UInt32 = 1
    /// result = a − b (− borrow).
    static let sub: UInt32 = 2
    /// CF = OF = AF = 0.
    static let logic: UInt32 = 3
    /// CF, OF and AF are in `b`, at their places in RFLAGS.
    static let explicit: UInt32 = 4
    /// result = a + 1; CF is bit 0 of `b`.
    static let increment: UInt32 = 5
    /// result = a − 1; CF is bit 0 of `b`.
    static let decrement: UInt32 = 6
}

@inline(__always) func setLazy(_ vp: VP, _ kind: UInt32, _ result: UInt64, _ a: UInt64, _ b: UInt64) {
    vp.pointee.flags_result = result
    vp.pointee.flags_a = a
    vp.pointee.flags_b = b
    vp.pointee.flags_kind = kind
}

@inline(__always) func setLogic(_ vp: VP, _ result: UInt64) {
    vp.pointee.flags_result = result
    vp.pointee.flags_kind = FlagsKind.logic
}

/// ZF SF PF from `result`; CF, OF, AF as given at their places in RFLAGS.
@inline(__always) func setExplicit(_ vp: VP, _ result: UInt64, _ others: UInt64) {
    vp.pointee.flags_result = result
    vp.pointee.flags_b = others
    vp.pointee.flags_kind = FlagsKind.explicit
}

/// Carries out of each bit of a + b = r.
@inline(__always) func carries(_ a: UInt64, _ b: UInt64, _ r: UInt64) -> UInt64 { (a & b) | ((a | b) & ~r) }
/// Borrows out of each bit of a − b = r.
@inline(__always) func borrows(_ a: UInt64, _ b: UInt64, _ r: UInt64) -> UInt64 { (~a & b) | ((~a | b) & r) }

/// CF as 0 or 1.
@inline(__always) func carryFlag(_ vp: VP) -> UInt64 {
    let kind = vp.pointee.flags_kind
    if kind == FlagsKind.logic { return 0 }
    if kind >= FlagsKind.explicit { return vp.pointee.flags_b & 1 }
    if kind == FlagsKind.sub {
        return borrows(vp.pointee.flags_a, vp.pointee.flags_b, vp.pointee.flags_result) &>> 63
    }
    if kind == FlagsKind.add {
        return carries(vp.pointee.flags_a, vp.pointee.flags_b, vp.pointee.flags_result) &>> 63
    }
    return vp.pointee.rflags & 1
}

@inline(__always) func zeroFlag(_ vp: VP) -> Bool {
    vp.pointee.flags_kind == FlagsKind.eager ? vp.pointee.rflags & RFLAGS.zero != 0 : vp.pointee.flags_result == 0
}

@inline(__always) func signFlag(_ vp: VP) -> Bool {
    vp.pointee.flags_kind == FlagsKind.eager ? vp.pointee.rflags & RFLAGS.sign != 0 : Int64(bitPattern: vp.pointee.flags_result) < 0
}

@inline(__always) func parity(_ result: UInt64) -> Bool {
    var x = result & 0xff
    x ^= x &>> 4
    return (0x9669 &>> (x & 15)) & 1 != 0
}

@inline(__always) func parityFlag(_ vp: VP) -> Bool {
    vp.pointee.flags_kind == FlagsKind.eager ? vp.pointee.rflags & RFLAGS.parity != 0 : parity(vp.pointee.flags_result)
}

@inline(__always) func overflowFlag(_ vp: VP) -> Bool {
    let r = vp.pointee.flags_result
    let a = vp.pointee.flags_a
    let b = vp.pointee.flags_b
    switch vp.pointee.flags_kind {
    case FlagsKind.eager: return vp.pointee.rflags & RFLAGS.overflow != 0
    case FlagsKind.add: return ((a ^ r) & (b ^ r)) &>> 63 != 0
    case FlagsKind.sub: return ((a ^ b) & (a ^ r)) &>> 63 != 0
    case FlagsKind.logic: return false
    case FlagsKind.explicit: return b & RFLAGS.overflow != 0
    case FlagsKind.increment: return (~a & r) &>> 63 != 0
    default: return (a & ~r) &>> 63 != 0
    }
}

/// CF PF AF ZF SF OF at their places, whatever the lazy state.
func arithmeticFlags(_ vp: VP) -> UInt64 {
    let kind = vp.pointee.flags_kind
    if kind == FlagsKind.eager { return vp.pointee.rflags & RFLAGS.arithmetic }
    let r = vp.pointee.flags_result
    let a = vp.pointee.flags_a
    let b = vp.pointee.flags_b
    var flags = carryFlag(vp)
    if parity(r) { flags |= RFLAGS.parity }
    if r == 0 { flags |= RFLAGS.zero }
    if Int64(bitPattern: r) < 0 { flags |= RFLAGS.sign }
    if overflowFlag(vp) { flags |= RFLAGS.overflow }
    switch kind {
    case FlagsKind.add, FlagsKind.sub: flags |= (a ^ b ^ r) & RFLAGS.auxiliary
    case FlagsKind.explicit: flags |= b & RFLAGS.auxiliary
    case FlagsKind.increment, FlagsKind.decrement: flags |= (a ^ r) & RFLAGS.auxiliary
    default: break
    }
    return flags
}

/// Whole RFLAGS; folds the lazy state into it.
package func materialisedFlags(_ vp: VP) -> UInt64 {
    if vp.pointee.flags_kind != FlagsKind.eager {
        vp.pointee.rflags = vp.pointee.rflags & ~RFLAGS.arithmetic | arithmeticFlags(vp)
        vp.pointee.flags_kind = FlagsKind.eager
    }
    return vp.pointee.rflags
}

/// Replaces whole RFLAGS. Bit 1 is always set, bits 3, 5, 15 and 22 up always clear.
package func setFlags(_ vp: VP, _ rflags: UInt64) {
    vp.pointee.rflags = rflags & 0x3f_7fd5 | 2
    vp.pointee.flags_kind = FlagsKind.eager
}

/// Replaces CF PF AF ZF SF OF, given at their places.
package func setArithmeticFlags(_ vp: VP, _ sixBits: UInt64) {
    vp.pointee.rflags = vp.pointee.rflags & ~RFLAGS.arithmetic | sixBits & RFLAGS.arithmetic
    vp.pointee.flags_kind = FlagsKind.eager
}

/// The sixteen conditions of Jcc, SETcc and CMOVcc (SDM vol. 2, appendix B.1.4.7).
@inline(__always) func condition(_ vp: VP, _ code: Int) -> Bool {
    let positive: Bool
    switch code &>> 1 {
    case 0: positive = overflowFlag(vp)
    case 1: positive = carryFlag(vp) != 0
    case 2: positive = zeroFlag(vp)
    case 3: positive = carryFlag(vp) != 0 || zeroFlag(vp)
    case 4: positive = signFlag(vp)
    case 5: positive = parityFlag(vp)
    case 6: positive = signFlag(vp) != overflowFlag(vp)
    default: positive = zeroFlag(vp) || signFlag(vp) != overflowFlag(vp)
    }
    return positive != (code & 1 != 0)
}

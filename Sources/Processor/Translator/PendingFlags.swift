import CHost

/// Flags that generated code has in its registers and not yet in the state block: where they follow from.
///
/// `LV_FLAGS` kinds from 16 on are the translator's own; they keep values as the host's registers have them, not sign-extended, and are
/// turned into the interpreter's before any Swift code looks (`settleFlags`). Kind = 16 + 4 × `Kind` + log2 of the size.
struct PendingFlags {
    enum Kind: Int {
        /// result − b + b.
        case add
        /// a − b.
        case compare
        /// (result + b) − b.
        case subtract
        case logic
        /// CF in the first byte of `flags_b`.
        case increment, decrement
        /// CF and OF in the first two bytes of `flags_b`.
        case explicit
        /// CF in the first byte of `flags_b`; OF is the sign against CF, or 0.
        case shiftLeft, shiftRight
        /// RFLAGS in `flags_result`, AF cleared in the second.
        case raw, rawLogic
        /// a + b.
        case addition
    }

    /// false: the state block says what the flags are.
    var isThere = false
    var kind = Kind.logic
    var size = 3
    /// The guest register with the result, or with a.
    var register = 0
    /// The guest register with b; −1: `constant`.
    var other = -1
    var constant: Int32 = 0

    /// CF, or CF and OF, can only be saved while the host's flags are intact.
    var needsHost: Bool {
        switch kind {
        case .increment, .decrement, .explicit, .shiftLeft, .shiftRight: true
        default: false
        }
    }

    func uses(_ number: Int) -> Bool { isThere && (register == number || other == number) }

    static func code(_ kind: Kind, _ size: Int) -> Int { 16 + kind.rawValue * 4 + size }
}

/// The six arithmetic flags as a set, at their places in RFLAGS.
enum FlagSet {
    static let none = 0, carry = 1, parity = 4, auxiliary = 0x10, zero = 0x40, sign = 0x80, overflow = 0x800
    static let all = 0x8d5
    /// All that conditions look at.
    static let tested = all & ~auxiliary

    /// Those that a condition code looks at.
    static func of(condition: Int) -> Int {
        switch condition >> 1 {
        case 0: overflow
        case 1: carry
        case 2: zero
        case 3: carry | zero
        case 4: sign
        case 5: parity
        case 6: sign | overflow
        default: zero | sign | overflow
        }
    }
}

/// Turns the translator's kinds of flags into the interpreter's.
@inline(__always) func settleFlags(_ vp: VP) {
    if vp.pointee.flags_kind >= 16 { settleNativeFlags(vp) }
}

@inline(never) private func settleNativeFlags(_ vp: VP) {
    let kind = vp.pointee.flags_kind
    vp.pointee.flags_kind = kind & 0xff
    if kind & 0xff >= 16 { settleKind(vp) }
    if kind > 0xff { FlagsChange.settle(vp, kind) }
}

private func settleKind(_ vp: VP) {
    let code = Int(vp.pointee.flags_kind) - 16
    let size = code & 3
    let result = signExtend(vp.pointee.flags_result, size)
    let a = signExtend(vp.pointee.flags_a, size)
    let b = signExtend(vp.pointee.flags_b, size)
    switch PendingFlags.Kind(rawValue: code >> 2) {
    case .add: setLazy(vp, FlagsKind.add, result, signExtend(result &- b, size), b)
    case .addition: setLazy(vp, FlagsKind.add, signExtend(a &+ b, size), a, b)
    case .compare: setLazy(vp, FlagsKind.sub, signExtend(a &- b, size), a, b)
    case .subtract: setLazy(vp, FlagsKind.sub, result, signExtend(result &+ b, size), b)
    case .logic: setLogic(vp, result)
    case .increment: setLazy(vp, FlagsKind.increment, result, signExtend(result &- 1, size), vp.pointee.flags_b & 1)
    case .decrement: setLazy(vp, FlagsKind.decrement, result, signExtend(result &+ 1, size), vp.pointee.flags_b & 1)
    case .explicit: setExplicit(vp, result, vp.pointee.flags_b & 1 | (vp.pointee.flags_b &>> 8 & 1) &<< 11)
    case .shiftLeft:
        let carry = vp.pointee.flags_b & 1
        setExplicit(vp, result, carry | (result &>> 63 ^ carry) &<< 11)
    case .shiftRight: setExplicit(vp, result, vp.pointee.flags_b & 1)
    case .raw: setArithmeticFlags(vp, vp.pointee.flags_result)
    case .rawLogic: setArithmeticFlags(vp, vp.pointee.flags_result & ~RFLAGS.auxiliary)
    case nil: break
    }
}

/// What instructions that leave some flags alone did to the others, on top of what the first byte of the kind says: a rotation in the second
/// byte (its result is in `scratch`, CF and OF follow from it), CF alone in the third, ZF alone in the fourth.
enum FlagsChange {
    static func rotation(right: Bool, size: Int) -> Int { 1 + (right ? 4 : 0) + size }

    static func settle(_ vp: VP, _ kind: UInt32) {
        var flags = arithmeticFlags(vp)
        let rotation = Int(kind >> 8 & 0xff) - 1
        if rotation >= 0 {
            let bits = UInt64(8) << UInt64(rotation & 3)
            let result = vp.pointee.scratch.1
            let top = result &>> (bits &- 1) & 1
            let carry = rotation & 4 != 0 ? top : result & 1
            let overflow = rotation & 4 != 0 ? top ^ (result &>> (bits &- 2) & 1) : top ^ carry
            flags = flags & ~(RFLAGS.carry | RFLAGS.overflow) | carry | overflow &<< 11
        }
        if kind >> 16 & 0xff != 0 { flags = flags & ~RFLAGS.carry | vp.pointee.scratch.2 & 1 }
        if kind >> 24 != 0 { flags = flags & ~RFLAGS.zero | (vp.pointee.scratch.5 & 1) << 6 }
        setArithmeticFlags(vp, flags)
    }
}

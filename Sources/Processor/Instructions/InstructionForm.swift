/// One row of the instruction table: an encoding and what it means.
///
/// The rows are lines of text in the SDM's operand letters (vol. 2, appendix A.2), parsed once:
///
///     [NP|66|F2|F3] bytes[+r|+i|+cc] [/digit] [m|r]  mnemonic  operands  [; attributes]
///
///     NP 66 F2 F3   the mandatory prefix; without one, any prefix fits
///     bytes         opcode (`0F A2`); a byte behind the opcode is a whole ModRM byte (`D9 E0`, `0F 01 F8`)
///     +r            the low three bits select a register (operand b); +i: the low three bits of the ModRM byte are ST(i); +cc: a condition
///     /digit m r    ModRM.reg extension; memory form only; register form only
///     mnemonic      an `Operation`, in any case; a name that has Load and Store operations is told by its first operand
///     attributes    i64 o64 d64 f64 lock imm=N (immediate where the encoding has none)
struct InstructionForm {
    enum Prefix: UInt8 { case any, none, operandSize, repeatNotEqual, repeatEqual }
    /// Operand sizes by the SDM's letters.
    enum Size: UInt8 { case byte, word, double, quad, v, y, z, other }

    var operation = Operation.undefined
    var prefix = Prefix.any
    /// ModRM.reg must be this; negative: anything.
    var digit: Int8 = -1
    /// The whole ModRM byte must be this (under `wholeMask`); `wholeMask` 0: anything.
    var whole: UInt8 = 0
    var wholeMask: UInt8 = 0
    var needsModRM = false
    var memoryOnly = false
    var registerOnly = false
    /// ModRM.mod counts as 3 whatever it is: moves of control and debug registers (SDM vol. 2, MOV).
    var ignoresMode = false
    var opcodeRegister = false
    var invalidIn64 = false
    var only64 = false
    var default64 = false
    var force64 = false
    var lockable = false
    var constant: Int32?
    var size = Size.v
    /// Sizes of up to two immediates; `.other`: none.
    var immediate = Size.other
    var secondImmediate = Size.other
    /// Size of a relative distance; `.other`: none.
    var relative = Size.other
    /// The first operand is ModRM.reg (G, V, P).
    var toRegister = false
    var hasOffset = false
    var hasFarPointer = false
    /// The line this row came from, for messages of tests.
    var line: Int32 = 0
}

/// A line of the instruction table that cannot be read: a mistake of ours, found by a test.
struct InstructionTableError: Error, CustomStringConvertible {
    let line: String
    let reason: String
    var description: String { "\(reason): \(line)" }
}

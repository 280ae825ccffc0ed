/// The instruction table as text, for the generator of tests (the grammar is in InstructionForm).
package enum InstructionTableText {
    /// Rows of the general-purpose instructions.
    package static var integer: String { integerTable }
    /// Rows of x87, MMX, SSE and SSE2.
    package static var floatingPoint: String { floatingPointTable }
}

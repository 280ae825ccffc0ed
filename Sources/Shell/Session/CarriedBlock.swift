import Cmdlets

/// A block on its way to another interpreter: as the Lua text that the translator made of it, or a function as compiled code.
final class CarriedBlock: ScriptBlock, PortableValue {
    enum Program: Sendable {
        /// The text of a function expression, the line where it begins, and the name by which it calls the support table.
        case text(String, line: Int, support: String)
        /// Compiled code, and what each of its upvalues is: `_ENV`, `support`.
        case code([UInt8], upvalues: [String])
    }

    let program: Program
    /// Lua's chunk name of the script, for messages.
    let source: String
    /// The values of its `$using:` names.
    let using: Record
    let sourceText: String

    init(_ program: Program, source: String, using: Record, sourceText: String) {
        (self.program, self.source, self.using, self.sourceText) = (program, source, using, sourceText)
    }

    var displayText: String { sourceText }

    func call(_ input: Value, _ arguments: [Value]) throws -> Value {
        throw ErrorRecord(
            "This block was made for an interpreter of its own and cannot be called here.", "BlockElsewhere", .invalidOperation,
            action: "Give it to Start-Job or ForEach-Object -Parallel.")
    }
}

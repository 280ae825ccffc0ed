import Basics
import Cmdlets

/// The error object of `language.md`: an error with the place in the script where it arose.
final class ScriptFailure: PortableValue, Error, @unchecked Sendable {
    let record: ErrorRecord
    /// The chunk's name as messages show it; empty: none.
    let source: String
    let line: Int

    init(_ record: ErrorRecord, source: String = "", line: Int = 0) {
        (self.record, self.source, self.line) = (record, source, line)
    }

    /// `file:line: Message`.
    var displayText: String { position.isEmpty ? record.message : "\(position): \(record.message)" }
    var position: String { source.isEmpty ? "" : line > 0 ? "\(source):\(line)" : source }

    static let fields = [
        "Message", "FullyQualifiedErrorId", "Category", "TargetObject", "RecommendedAction", "Errors", "Results", "Cmdlet", "ScriptName",
        "Line", "Position", "Exception",
    ]

    /// A field by its name in any letter case; nil: there is no such field. `Exception` is the error itself.
    func field(_ name: String) -> Value? {
        switch name.lowercased() {
        case "message": .string(record.message)
        case "fullyqualifiederrorid": .string(record.identifier)
        case "category": .string(record.category.rawValue)
        case "targetobject": record.target.map { .string($0) } ?? .null
        case "recommendedaction": record.recommendedAction.map { .string($0) } ?? .null
        case "errors": .list(record.errors.map { .opaque(ScriptFailure($0, source: source, line: line)) })
        case "results": .list(record.results)
        case "cmdlet": record.cmdlet.map { .string($0) } ?? .null
        case "scriptname": .string(source)
        case "line": .integer(Int64(line))
        case "position": .string(position)
        case "exception": .opaque(self)
        default: nil
        }
    }
}

/// A Lua error on its way through Swift: the value as it was raised, kept so that it goes on unchanged.
struct RaisedLuaValue: DescribedError {
    var value: LuaReference
    var message: String { value.displayText }
    var identifier: String { "ScriptError" }
    var category: ErrorCategory { .notSpecified }
}

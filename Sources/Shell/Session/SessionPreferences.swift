import Cmdlets

/// The preference variables of a session: `$ErrorActionPreference` and kin.
struct SessionPreferences {
    private(set) var values: Preferences
    /// Accepted and kept, without effect on calls.
    private var others: [String: String] = [
        "progresspreference": "Continue", "debugpreference": "SilentlyContinue", "informationpreference": "SilentlyContinue",
    ]

    init(errorAction: ErrorAction) { values = Preferences(errorAction: errorAction) }

    /// The value of a preference by its name in any letter case.
    func value(_ name: String) -> Value {
        switch name.lowercased() {
        case "erroractionpreference": .string(values.errorAction.rawValue)
        case "warningpreference": .string(values.warningAction.rawValue)
        case "verbosepreference": .string(values.verboseAction.rawValue)
        case "confirmpreference": .string(values.confirm.rawValue)
        case "whatifpreference": .boolean(values.whatIf)
        default: others[name.lowercased()].map { .string($0) } ?? .null
        }
    }

    mutating func set(_ name: String, _ value: Value) throws {
        switch name.lowercased() {
        case "erroractionpreference": values.errorAction = try Self.word(name, value)
        case "warningpreference": values.warningAction = try Self.word(name, value)
        case "verbosepreference": values.verboseAction = try Self.word(name, value)
        case "confirmpreference": values.confirm = try Self.word(name, value)
        case "whatifpreference": values.whatIf = value.isTruthy
        default: others[name.lowercased()] = value.text
        }
    }

    private static func word<Word: RawRepresentable & CaseIterable>(_ name: String, _ value: Value) throws -> Word
    where Word.RawValue == String {
        if let word = Word.allCases.first(where: { $0.rawValue.lowercased() == value.text.lowercased() }) { return word }
        throw ErrorRecord(
            "“\(value.text)” is not a value of $\(name).", "InvalidPreference", .invalidArgument,
            action: "Use one of \(Word.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
}

/// Looking into a value without converting it.
extension Value {
    public var isNull: Bool { if case .null = self { true } else { false } }
    public var stringValue: String? { if case .string(let text) = self { text } else { nil } }
    public var booleanValue: Bool? { if case .boolean(let value) = self { value } else { nil } }
    public var objectValue: (any LiveObject)? { if case .object(let object) = self { object } else { nil } }
    public var blockValue: (any ScriptBlock)? { if case .block(let block) = self { block } else { nil } }
    public var recordValue: Record? { if case .record(let record) = self { record } else { nil } }

    /// The integer, also of a float that is whole.
    public var integerValue: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The number, of either kind.
    public var numberValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// A list's values, any other value as a list of one, nothing for null.
    public var elements: [Value] {
        switch self {
        case .list(let values): values
        case .null: []
        default: [self]
        }
    }

    /// What counts as true in a condition: not nil, not false and not an empty list (0 and "" are true, as in Lua).
    public var isTruthy: Bool {
        switch self {
        case .null: false
        case .boolean(let value): value
        case .list(let values): !values.isEmpty
        default: true
        }
    }

    /// The type's name as Get-Member and errors show it.
    public var typeName: String {
        switch self {
        case .null: "nil"
        case .boolean: "Boolean"
        case .integer: "Int64"
        case .number: "Double"
        case .string: "String"
        case .list: "List"
        case .record(let record): record.typeName ?? "Object"
        case .object(let object): object.type.name
        case .duration: "TimeSpan"
        case .time: "DateTime"
        case .block: "ScriptBlock"
        case .opaque(let value): value is FormattedText ? "FormattedText" : "Lua value"
        }
    }

    /// What `tostring` gives.
    public var text: String {
        switch self {
        case .null: ""
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): NumberText.shortest(value)
        case .string(let text): text
        case .list(let values): "{" + values.map(\.text).joined(separator: ", ") + "}"
        case .record(let record): "@{" + record.fields.map { "\($0.name)=\($0.value.text)" }.joined(separator: "; ") + "}"
        case .object(let object): object.displayName
        case .duration(let span): span.description
        case .time(let time): time.description
        case .block(let block): block.sourceText
        case .opaque(let value): value.displayText
        }
    }

    /// How a message shows what was given: strings in quotation marks, others by type and text.
    public var shown: String {
        switch self {
        case .null: "nil"
        case .string(let text): "“\(text)”"
        case .boolean(let value): value ? "$true" : "$false"
        case .integer, .number, .duration, .time: text
        case .object(let object): "the \(object.type.name) “\(object.displayName)”"
        case .list(let values):
            values.isEmpty
                ? "an empty list"
                : "a list of \(values.count) (\(values.prefix(3).map(\.shown).joined(separator: ", "))\(values.count > 3 ? ", …" : ""))"
        case .record: "a table"
        case .block: "a block"
        case .opaque(let value): value.displayText
        }
    }
}

/// Numbers as text.
public enum NumberText {
    /// The shortest text that reads back as the same number; whole numbers without a fraction.
    public static func shortest(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        return value.description
    }

    /// With that many digits after the point.
    public static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return value.description }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = (abs(value) * scale).rounded()
        guard rounded < 9e15 else { return value.description }
        let units = Int64(rounded)
        let whole = units / Int64(scale)
        guard digits > 0 else { return (value < 0 && units > 0 ? "-" : "") + String(whole) }
        let fraction = String(units % Int64(scale))
        return (value < 0 && units > 0 ? "-" : "") + "\(whole)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

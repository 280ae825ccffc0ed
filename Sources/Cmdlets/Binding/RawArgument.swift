/// One argument as it was written, before the binder gives it to a parameter.
public struct RawArgument: Sendable {
    /// The name as written, without its dash; nil: positional.
    public var name: String?
    public var content: Content

    public enum Content: Sendable {
        /// A value: a quoted string, a number, a variable's or an expression's value.
        case value(Value)
        /// A bare word of the command form: spelled like a number it is one where the parameter takes any value.
        case word(String)
        /// Written, but its expression has no value. `variable`: its text (`x`, `vm.Name`); `nearest`: a variable that exists and
        /// is spelled alike.
        case missing(variable: String?, nearest: String?)
        /// `-Name` of the command form with nothing attached: a switch is on, another parameter takes the positional argument that
        /// follows.
        case unattached
    }

    public init(name: String?, _ content: Content) { (self.name, self.content) = (name, content) }

    public static func positional(_ value: Value) -> RawArgument { RawArgument(name: nil, .value(value)) }
    public static func word(_ text: String) -> RawArgument { RawArgument(name: nil, .word(text)) }
    public static func named(_ name: String, _ value: Value) -> RawArgument { RawArgument(name: name, .value(value)) }
    public static func flag(_ name: String) -> RawArgument { RawArgument(name: name, .unattached) }
    /// `@table`: each field of a record is a named argument, each element of a list a positional one.
    public static func splat(_ value: Value) -> [RawArgument] {
        switch value {
        case .record(let record): record.fields.map { .named($0.name, $0.value) }
        case .list(let values): values.map { .positional($0) }
        case .null: []
        default: [.positional(value)]
        }
    }
}

/// One stage of a pipeline as it was written.
public struct CommandCall: Sendable {
    /// The cmdlet's name or alias as written.
    public var name: String
    public var arguments: [RawArgument]
    public init(_ name: String, _ arguments: [RawArgument] = []) { (self.name, self.arguments) = (name, arguments) }
}

import Basics

/// A stream processor of two closures.
final class StreamClosures: StreamProcessor {
    private let onInput: (Value) throws -> Bool
    private let onEnd: () throws -> Void

    init(_ onInput: @escaping (Value) throws -> Bool, end onEnd: @escaping () throws -> Void = {}) {
        (self.onInput, self.onEnd) = (onInput, onEnd)
    }

    func process(_ input: Value) throws -> Bool { try onInput(input) }
    func finish() throws { try onEnd() }
}

extension Cmdlet.Body {
    /// A streaming body that handles each object for itself.
    static func each(_ body: @escaping @Sendable (any Invocation, Value) throws -> Void) -> Cmdlet.Body {
        .streaming { invocation in
            StreamClosures { value in
                try body(invocation, value)
                return true
            }
        }
    }

    /// A streaming body that needs all objects at once.
    static func all(_ body: @escaping @Sendable (any Invocation, [Value]) throws -> Void) -> Cmdlet.Body {
        .streaming { invocation in
            var values: [Value] = []
            return StreamClosures {
                values.append($0)
                return true
            } end: {
                try body(invocation, values)
            }
        }
    }
}

extension Parameter {
    /// The pipeline's objects, which an object cmdlet may also be given by name.
    static let inputObject = Parameter(
        "InputObject", .any, "The objects to work on; usually they come from the pipeline.", pipeline: .byValue)
}

extension Invocation {
    /// The chosen properties of a parameter that takes names, blocks and calculated properties; nil when not given.
    func properties(_ name: String) throws -> [CalculatedProperty]? {
        try list(name)?.flatMap(\.elements).map { try CalculatedProperty($0, cmdlet: cmdlet) }
    }

    /// A property of a live object must exist; a record may lack it.
    func checkedProperty(_ name: String, of value: Value) throws -> Value {
        if let found = try PropertyReader.property(name, of: value) { return found }
        if case .object(let object) = value {
            throw ErrorRecord(
                "A \(object.type.name) has no property “\(name)”.\(Spelling.hint(name, among: object.type.properties.map(\.name)))",
                "PropertyNotFound", .invalidArgument, target: name, action: "Get-Member lists its properties.", cmdlet: cmdlet.name)
        }
        return .null
    }
}

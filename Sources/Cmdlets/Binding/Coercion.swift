import Basics
import Glibc

/// Turns an argument's value into what its parameter takes, or says what was given and what is accepted.
struct Coercion {
    let cmdlet: Cmdlet
    let context: any ExecutionContext

    /// PowerShell's numbers of ActionPreference, by which its scripts write `-EA 0`.
    private static let actions = ["SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore"]

    /// The converted value: a list where the parameter takes many, one value otherwise.
    func convert(_ value: Value, for parameter: Parameter) throws -> Value {
        if parameter.takesMany {
            if case .list(let values) = value {
                return .list(try values.map { try convertOne($0, parameter) })
            }
            return .list([try convertOne(value, parameter)])
        }
        if case .list(let values) = value, !takesLists(parameter.type) {
            guard values.count == 1, let only = values.first else {
                throw refusal(parameter, value, "one value, not a list")
            }
            return try convertOne(only, parameter)
        }
        return try convertOne(value, parameter)
    }

    /// True when the value is of the parameter's type already, without conversion.
    func isExact(_ value: Value, for parameter: Parameter) -> Bool {
        let values: [Value] = if parameter.takesMany, case .list(let list) = value { list } else { [value] }
        return values.allSatisfy { value in
            switch (parameter.type, value) {
            case (.string, .string), (.path, .string), (.computer, .string), (.name, .string), (.number, .number), (.number, .integer): true
            case (.integer, .integer), (.bytes, .integer), (.boolean, .boolean), (.switched, .boolean), (.timeSpan, .duration): true
            case (.time, .time), (.block, .block), (.table, .record), (.any, _), (.property, .string), (.property, .block): true
            case (.property, .record): true
            // Settings that a script changes and gives back are records.
            case (.object(let name), .record(let record)): record.typeName == name
            case (.enumeration(_, let words), .string(let text)): words.contains { $0.lowercased() == text.lowercased() }
            case (.guid, .string(let text)): GUID(text) != nil
            case (.object(let name), .object(let object)), (.name(of: let name), .object(let object)): object.type.name == name
            default: false
            }
        }
    }

    private func takesLists(_ type: ParameterType) -> Bool {
        switch type {
        case .any, .table, .property: true
        default: false
        }
    }

    private func convertOne(_ value: Value, _ parameter: Parameter) throws -> Value {
        if value.isNull {
            if case .any = parameter.type { return value }
            throw BindingError.noValue(cmdlet, parameter, variable: nil, nearest: nil)
        }
        switch parameter.type {
        case .any: return value
        case .string, .path:
            if case .string(let text) = value {
                guard !text.isEmpty || parameter.allowsEmpty else { throw BindingError.empty(cmdlet, parameter) }
                return value
            }
            guard let text = plainText(value) else { throw refusal(parameter, value, "a string") }
            return .string(text)
        case .computer:
            guard let text = plainText(value), !text.isEmpty else { throw refusal(parameter, value, "localhost, . or this host's name") }
            guard LocalHost.isThis(text) else {
                throw ErrorRecord(
                    "\(cmdlet.name) -\(parameter.name) \(text): remote hosts are not there yet; only this host (localhost, . or \(LocalHost.name)).",
                    "RemoteHostNotSupported", .notImplemented, target: text, cmdlet: cmdlet.name)
            }
            return .string(text)
        case .name(let type):
            switch value {
            case .object(let object) where object.type.name == type: return value
            case .string(let text):
                guard !text.isEmpty else { throw BindingError.empty(cmdlet, parameter) }
                return value
            case .integer, .number: return .string(value.text)
            default: throw refusal(parameter, value, "the name of a \(type), or the object")
            }
        case .object(let type):
            switch value {
            case .object(let object) where object.type.name == type: return value
            case .record(let record) where record.typeName == type: return value
            case .string(let text) where type == "VirtualMachine":
                guard !text.isEmpty else { throw BindingError.empty(cmdlet, parameter) }
                return value
            default: throw refusal(parameter, value, "a \(type) object")
            }
        case .integer(let range):
            let number: Int64? =
                switch value {
                case .integer, .number: value.integerValue
                case .string(let text): SizeText.parse(text)
                default: nil
                }
            guard let number else { throw refusal(parameter, value, "a whole number\(shown(range))") }
            guard range.contains(number) else { throw refusal(parameter, .integer(number), "a whole number\(shown(range))") }
            return .integer(number)
        case .bytes:
            let bytes: Int64? =
                switch value {
                case .integer, .number: value.integerValue
                case .string(let text): SizeText.parse(text)
                default: nil
                }
            guard let bytes, bytes >= 0 else { throw refusal(parameter, value, "a size in whole bytes, like 512MB or 1.5GB") }
            return .integer(bytes)
        case .number:
            if value.numberValue != nil { return value }
            if let number = value.stringValue.flatMap(Double.init) { return .number(number) }
            throw refusal(parameter, value, "a number")
        case .boolean, .switched:
            if case .boolean = value { return value }
            if let text = value.stringValue?.lowercased(), ["true", "false"].contains(text) { return .boolean(text == "true") }
            if let number = value.integerValue, number == 0 || number == 1 { return .boolean(number == 1) }
            throw refusal(parameter, value, "$true or $false")
        case .enumeration(let name, let words):
            let text = value.text.lowercased()
            if let exact = words.first(where: { $0.lowercased() == text }) { return .string(exact) }
            let starting = words.filter { !text.isEmpty && $0.lowercased().hasPrefix(text) }
            if starting.count == 1, let only = starting.first { return .string(only) }
            var hint = Spelling.hint(value.text, among: words)
            if name == "ActionPreference", let number = Int(text), Self.actions.indices.contains(number) {
                hint = " Write \(Self.actions[number]) for \(number)."
            }
            throw refusal(parameter, value, Spelling.list(words, "or"), hint: hint)
        case .timeSpan:
            switch value {
            case .duration: return value
            case .integer, .number: return .duration(TimeSpan(seconds: value.numberValue ?? 0))
            case .string(let text):
                if let span = TimeSpan(parsing: text) { return .duration(span) }
                if let seconds = Double(text) { return .duration(TimeSpan(seconds: seconds)) }
            default: break
            }
            throw refusal(parameter, value, "a duration: seconds, or hh:mm:ss")
        case .time:
            switch value {
            case .time: return value
            case .string(let text): if let time = Timestamp(parsing: text) { return .time(time) }
            default: break
            }
            throw refusal(parameter, value, "a time, like 2026-11-22 16:20 or (Get-Date)")
        case .guid:
            if let guid = value.stringValue.flatMap({ GUID($0) }) { return .string(guid.description) }
            throw refusal(parameter, value, "an id like 0a1b2c3d-0000-0000-0000-000000000000")
        case .block:
            guard case .block = value else { throw refusal(parameter, value, "a block { … } or a function") }
            return value
        case .property:
            switch value {
            case .string, .block: return value
            case .record(let record):
                _ = try CalculatedProperty(record, cmdlet: cmdlet)
                return value
            case .list(let values): return .list(try values.map { try convertOne($0, parameter) })
            default: throw refusal(parameter, value, "a property name, a block, or a table {Name=…, Expression=…}")
            }
        case .table:
            guard case .record = value else { throw refusal(parameter, value, "a table") }
            return value
        }
    }

    /// Numbers and the like as the string that was meant; nil for what has no plain text.
    private func plainText(_ value: Value) -> String? {
        switch value {
        case .string(let text): text
        case .integer, .number, .boolean, .duration, .time: value.text
        case .object: value.text
        default: nil
        }
    }

    private func shown(_ range: ClosedRange<Int64>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (Int64.min, Int64.max): ""
        case (let lower, Int64.max): " from \(lower)"
        default: " from \(range.lowerBound) to \(range.upperBound)"
        }
    }

    private func refusal(_ parameter: Parameter, _ value: Value, _ accepted: String, hint: String = "") -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet.name) -\(parameter.name) takes \(accepted); given was \(value.shown)\(value.shownType).\(hint)",
            "ParameterArgumentTransformationError", .invalidArgument, target: parameter.name,
            action: "Get-Help \(cmdlet.name) describes -\(parameter.name).", cmdlet: cmdlet.name)
    }
}

extension Value {
    /// ` (Double)` and the like, where the text alone does not show the type.
    fileprivate var shownType: String {
        switch self {
        case .number, .record, .opaque: " (\(typeName))"
        default: ""
        }
    }
}

/// This host, as -ComputerName knows it.
enum LocalHost {
    /// The kernel's node name.
    static let name: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    /// True for the names by which this host may be called.
    static func isThis(_ text: String) -> Bool {
        let wanted = text.lowercased()
        let own = name.lowercased()
        return ["localhost", ".", "127.0.0.1", "::1", own, String(own.prefix { $0 != "." })].contains(wanted)
    }
}

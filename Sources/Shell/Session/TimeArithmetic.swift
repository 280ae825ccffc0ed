import Cmdlets

/// What scripts compute with durations and times.
enum TimeArithmetic {
    /// The order of two durations, times, or a duration and a number of seconds; nil: they do not compare.
    static func order(_ left: Value, _ right: Value) -> Int? {
        switch (left, right) {
        case (.duration(let a), .duration(let b)): return order(a, b)
        case (.time(let a), .time(let b)): return order(a, b)
        case (.duration(let a), _): return right.numberValue.map { order(a.totalSeconds, $0) }
        case (_, .duration(let b)): return left.numberValue.map { order($0, b.totalSeconds) }
        default: return nil
        }
    }

    private static func order<Quantity: Comparable>(_ a: Quantity, _ b: Quantity) -> Int { a < b ? -1 : a == b ? 0 : 1 }

    /// `+ - * /` and `u` (negation).
    static func result(_ sign: String, _ left: Value, _ right: Value) throws -> Value {
        switch (left, sign, right) {
        case (.duration(let a), "u", _): return .duration(TimeSpan(ticks: 0 &- a.ticks))
        case (.duration(let a), "+", .duration(let b)): return .duration(TimeSpan(ticks: a.ticks &+ b.ticks))
        case (.duration(let a), "-", .duration(let b)): return .duration(TimeSpan(ticks: a.ticks &- b.ticks))
        case (.duration(let a), "/", .duration(let b)): return .number(Double(a.ticks) / Double(b.ticks))
        case (.time(let a), "-", .time(let b)): return .duration(a.since(b))
        case (.time(let a), "+", .duration(let b)), (.duration(let b), "+", .time(let a)): return .time(a.advanced(by: b))
        case (.time(let a), "-", .duration(let b)): return .time(a.advanced(by: TimeSpan(ticks: 0 &- b.ticks)))
        case (.duration(let a), "*", _):
            if let factor = right.numberValue { return try scaled(a, factor) }
        case (_, "*", .duration(let b)):
            if let factor = left.numberValue { return try scaled(b, factor) }
        case (.duration(let a), "/", _):
            if let divisor = right.numberValue { return try scaled(a, 1 / divisor) }
        default: break
        }
        throw ErrorRecord(
            "`\(sign)` does not work between a \(left.typeName) and a \(right.typeName).", "CannotCompute", .invalidArgument,
            action: "Times subtract to a duration; a duration is added to a time, or with AddSeconds and kin.")
    }

    private static func scaled(_ span: TimeSpan, _ factor: Double) throws -> Value {
        let ticks = Double(span.ticks) * factor
        guard ticks.isFinite, abs(ticks) < 9e18 else { throw ErrorRecord("The duration is out of range.", "OutOfRange", .invalidArgument) }
        return .duration(TimeSpan(ticks: Int64(ticks.rounded())))
    }

    private static let seconds: [String: Double] = [
        "adddays": 86400, "addhours": 3600, "addminutes": 60, "addseconds": 1, "addmilliseconds": 0.001,
    ]

    static func methods(of value: Value) -> [String] {
        switch value {
        case .time: ["AddDays", "AddHours", "AddMinutes", "AddSeconds", "AddMilliseconds", "Add", "Subtract", "ToString"]
        case .duration: ["Add", "Subtract", "Negate", "ToString"]
        default: []
        }
    }

    /// Calls a method by its name in any letter case.
    static func call(_ method: String, of value: Value, _ argument: Value) throws -> Value {
        let name = method.lowercased()
        switch (value, name) {
        case (_, "add"): return try result("+", value, argument)
        case (_, "subtract"): return try result("-", value, argument)
        case (_, "negate"): return try result("u", value, value)
        case (.time(let time), "tostring"):
            if case .string(let format) = argument { return .string(time.formatted(format)) }
            return .string(time.description)
        case (_, "tostring"): return .string(value.text)
        case (.time(let time), _):
            guard let unit = seconds[name] else { break }
            guard let count = argument.numberValue else {
                throw ErrorRecord("\(method) takes a number.", "ArgumentInvalid", .invalidArgument, action: "Write \(method)(1).")
            }
            guard case .duration(let span) = try scaled(TimeSpan(ticks: 10_000_000), unit * count) else { break }
            return .time(time.advanced(by: span))
        default: break
        }
        throw ErrorRecord("A \(value.typeName) has no method \(method).", "MethodNotFound", .invalidArgument)
    }
}

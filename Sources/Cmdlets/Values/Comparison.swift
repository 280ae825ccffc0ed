import Basics

/// The comparison words of blocks and of `Where-Object Property -eq value`: the right side is converted to the left side's type,
/// strings compare without regard to case unless the word begins with `c`.
public struct Comparison: Sendable {
    public enum Operator: String, Sendable, CaseIterable {
        case eq, ne, gt, ge, lt, le, like, notlike, match, notmatch, `in`, notin, contains, notcontains
    }

    public var operation: Operator
    public var isCaseSensitive: Bool

    public init(_ operation: Operator, isCaseSensitive: Bool = false) {
        (self.operation, self.isCaseSensitive) = (operation, isCaseSensitive)
    }

    /// From the word with or without its dash: `-eq`, `ceq`, `inotlike`.
    public init?(word: String) {
        var text = word.lowercased()
        if text.hasPrefix("-") { text.removeFirst() }
        if let plain = Operator(rawValue: text) {
            self.init(plain)
        } else if let first = text.first, first == "c" || first == "i", let plain = Operator(rawValue: String(text.dropFirst())) {
            self.init(plain, isCaseSensitive: first == "c")
        } else {
            return nil
        }
    }

    /// `left WORD right`.
    public func evaluate(_ left: Value, _ right: Value, _ context: any ExecutionContext) throws -> Bool {
        switch operation {
        case .eq: return ifList(left) { equals($0, right) } ?? equals(left, right)
        case .ne: return ifList(left) { !equals($0, right) } ?? !equals(left, right)
        case .gt: return order(left, right).map { $0 > 0 } ?? false
        case .ge: return order(left, right).map { $0 >= 0 } ?? false
        case .lt: return order(left, right).map { $0 < 0 } ?? false
        case .le: return order(left, right).map { $0 <= 0 } ?? false
        case .like: return matchesWildcard(left, right)
        case .notlike: return !matchesWildcard(left, right)
        case .match: return try matchesPattern(left, right, context)
        case .notmatch: return try !matchesPattern(left, right, context)
        case .in: return right.elements.contains { equals(left, $0) }
        case .notin: return !right.elements.contains { equals(left, $0) }
        case .contains: return left.elements.contains { equals($0, right) }
        case .notcontains: return !left.elements.contains { equals($0, right) }
        }
    }

    /// A list on the left side compares element by element, as in PowerShell: true when any does.
    private func ifList(_ left: Value, _ test: (Value) -> Bool) -> Bool? {
        guard case .list(let values) = left else { return nil }
        return values.contains(where: test)
    }

    private func equals(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.null, _), (_, .null): return false
        case (.object(let a), .object(let b)): return a.type.name == b.type.name && a.identity == b.identity
        case (.opaque(let a), .opaque(let b)): return a === b
        case (.block(let a), .block(let b)): return a === b
        case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { equals($0, $1) }
        case (.boolean(let a), _):
            if let b = right.booleanValue { return a == b }
            if let text = right.stringValue?.lowercased(), ["true", "false"].contains(text) { return a == (text == "true") }
            return a == (right.numberValue.map { $0 != 0 } ?? right.isTruthy)
        default: return order(left, right).map { $0 == 0 } ?? false
        }
    }

    /// Negative, 0 or positive; nil when the two cannot be compared.
    private func order(_ left: Value, _ right: Value) -> Int? { Ordering.compare(left, right, isCaseSensitive: isCaseSensitive) }

    private func matchesWildcard(_ left: Value, _ right: Value) -> Bool {
        let pattern = WildcardPattern(right.text, ignoringCase: !isCaseSensitive)
        return left.elements.contains { pattern.matches($0.text) }
    }

    private func matchesPattern(_ left: Value, _ right: Value, _ context: any ExecutionContext) throws -> Bool {
        let matcher = try context.matcher(right.text, ignoringCase: !isCaseSensitive)
        return try left.elements.contains { try matcher.firstMatch(in: $0.text) != nil }
    }
}

/// The order of values, for comparisons and Sort-Object: the right side is converted to the left side's type.
public enum Ordering {
    /// Negative, 0 or positive; nil when the two cannot be compared.
    public static func compare(_ left: Value, _ right: Value, isCaseSensitive: Bool = false) -> Int? {
        switch left {
        case .null: return right.isNull ? 0 : -1
        case .integer(let a):
            if case .integer(let b) = right { return a < b ? -1 : a > b ? 1 : 0 }
            if let size = right.stringValue.flatMap(SizeText.parse) { return a < size ? -1 : a > size ? 1 : 0 }
            return number(right).flatMap { order(Double(a), $0) }
        case .number(let a): return number(right).flatMap { order(a, $0) }
        case .boolean(let a):
            guard let b = right.booleanValue else { return nil }
            return a == b ? 0 : a ? 1 : -1
        case .duration(let a):
            switch right {
            case .duration(let b): return order(a, b)
            case .string(let text):
                if let span = TimeSpan(parsing: text) { return order(a, span) }
                return Double(text).map { order(a, TimeSpan(seconds: $0)) }
            default: return right.numberValue.map { order(a, TimeSpan(seconds: $0)) }
            }
        case .time(let a):
            if case .time(let b) = right { return order(a, b) }
            return right.stringValue.flatMap { Timestamp(parsing: $0) }.map { order(a, $0) }
        case .string, .object, .record, .list, .block, .opaque:
            if right.isNull { return 1 }
            let (a, b) = (left.text, right.text)
            return isCaseSensitive ? order(a, b) : order(a.lowercased(), b.lowercased())
        }
    }

    private static func number(_ value: Value) -> Double? {
        switch value {
        case .boolean(let flag): flag ? 1 : 0
        case .string(let text): Double(text) ?? SizeText.parse(text).map(Double.init)
        case .duration(let span): span.totalSeconds
        default: value.numberValue
        }
    }

    private static func order<Ordered: Comparable>(_ a: Ordered, _ b: Ordered) -> Int { a < b ? -1 : a == b ? 0 : 1 }
}

import Basics

/// An error as scripts see it (language.md, "Pipelines, errors, confirmation"): one failure, or several with what succeeded.
public struct ErrorRecord: DescribedError {
    public var message: String
    public var identifier: String
    public var category: ErrorCategory
    public var recommendedAction: String?
    public var target: String?
    /// The cmdlet in which it arose.
    public var cmdlet: String?
    /// The failures, when there were several.
    public var errors: [ErrorRecord] = []
    /// What had succeeded when it was raised.
    public var results: [Value] = []
    /// Names of the targets that were left alone.
    public var notStarted: [String] = []
    /// The error it was made from: a script's error passes through cmdlets unchanged.
    public var cause: (any Error)?

    public init(
        _ message: String, _ identifier: String, _ category: ErrorCategory, target: String? = nil, action: String? = nil,
        cmdlet: String? = nil
    ) {
        (self.message, self.identifier, self.category) = (message, identifier, category)
        (self.target, self.recommendedAction, self.cmdlet) = (target, action, cmdlet)
    }

    /// Any error in this form; one that is an `ErrorRecord` stays as it is.
    public init(_ error: any Error, cmdlet: String? = nil) {
        if let record = error as? ErrorRecord {
            self = record
        } else if let described = error as? any DescribedError {
            self.init(
                described.message, described.identifier, described.category, target: described.target, action: described.recommendedAction)
            cause = error
        } else {
            self.init("\(error)", "UnexpectedError", .notSpecified)
            cause = error
        }
        if self.cmdlet == nil { self.cmdlet = cmdlet }
    }

    /// What a call on several targets raises under Stop: the failure itself when there was one, else all of them.
    static func collected(_ failures: [ErrorRecord], results: [Value], notStarted: [String], cmdlet: String) -> ErrorRecord {
        var record: ErrorRecord
        if let only = failures.first, failures.count == 1 {
            record = only
        } else {
            let lines = failures.prefix(5).map { "\n  " + $0.message }.joined()
            let rest = failures.count > 5 ? "\n  … and \(failures.count - 5) more (see Errors)" : ""
            record = ErrorRecord("\(failures.count) targets failed:\(lines)\(rest)", "MultipleFailures", .notSpecified, cmdlet: cmdlet)
            record.errors = failures
        }
        record.results = results
        record.notStarted = notStarted
        if !notStarted.isEmpty { record.message += " Left alone: \(notStarted.joined(separator: ", "))." }
        return record
    }

    /// As a value for `$Error` and -ErrorVariable where the shell has no error object of its own.
    public var value: Value {
        .record(
            Record(
                typeName: "ErrorRecord",
                [
                    ("Message", .string(message)), ("FullyQualifiedErrorId", .string(identifier)), ("Category", .string(category.rawValue)),
                    ("TargetObject", target.map { .string($0) } ?? .null),
                    ("RecommendedAction", recommendedAction.map { .string($0) } ?? .null),
                ]))
    }
}

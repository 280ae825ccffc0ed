/// The common shape of the house's errors: what went wrong and what to do, for a person; a stable identifier, for programs.
///
/// Each module declares its own type (or types: opening, creating and running fail differently) over this shape. The shell turns
/// it into the error object of `language.md`: `Message`, `FullyQualifiedErrorId`, `Category`, `TargetObject`, `RecommendedAction`.
public protocol DescribedError: Error, Sendable {
    /// One sentence: what was wrong, naming the thing.
    var message: String { get }
    /// Stable identifier in the module's manner, for example `VMNotFound`.
    var identifier: String { get }
    var category: ErrorCategory { get }
    /// What the user can do; nil when the message says it.
    var recommendedAction: String? { get }
    /// Name of the thing that was acted on.
    var target: String? { get }
}

extension DescribedError {
    public var recommendedAction: String? { nil }
    public var target: String? { nil }
}

/// PowerShell's ErrorCategory, the part that has meaning here.
public enum ErrorCategory: String, Codable, Sendable, CaseIterable {
    case notSpecified = "NotSpecified"
    case invalidArgument = "InvalidArgument"
    case invalidData = "InvalidData"
    case invalidOperation = "InvalidOperation"
    case objectNotFound = "ObjectNotFound"
    case resourceBusy = "ResourceBusy"
    case resourceExists = "ResourceExists"
    case resourceUnavailable = "ResourceUnavailable"
    case permissionDenied = "PermissionDenied"
    case notImplemented = "NotImplemented"
    case operationStopped = "OperationStopped"
    case operationTimeout = "OperationTimeout"
    case writeError = "WriteError"
    case readError = "ReadError"
    case parserError = "ParserError"
}

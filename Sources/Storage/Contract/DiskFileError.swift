import Basics

/// Why something was not done with a disk's image file: what went wrong, in words, with the file and what to do. Opening and whole
/// operations fail differently and have codes of their own.
public struct DiskFileError<FailureCode: DiskFileErrorCode>: DescribedError {
    public typealias Code = FailureCode
    public let code: FailureCode
    public let message: String
    /// The file.
    public let target: String?
    public let recommendedAction: String?

    public init(_ code: Code, _ message: String, file: String? = nil, action: String? = nil) {
        (self.code, self.message, target, recommendedAction) = (code, message, file, action)
    }

    public var identifier: String { code.identifier }
    public var category: ErrorCategory { code.category }
}

/// What a program goes by in a `DiskFileError`.
public protocol DiskFileErrorCode: Hashable, Sendable {
    /// A stable word for scripts.
    var identifier: String { get }
    var category: ErrorCategory { get }
}

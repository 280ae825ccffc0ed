import Basics

/// Why something asked of a host or a VM was not done. Nothing has changed when it is thrown, unless its message says so.
public struct ManagementError: DescribedError, Equatable {
    public let message: String
    public let identifier: String
    public let category: ErrorCategory
    public let recommendedAction: String?
    public let target: String?

    public init(
        _ identifier: String, _ category: ErrorCategory, _ message: String, action: String? = nil, target: String? = nil
    ) {
        self.identifier = identifier
        self.category = category
        self.message = message
        self.recommendedAction = action
        self.target = target
    }
}

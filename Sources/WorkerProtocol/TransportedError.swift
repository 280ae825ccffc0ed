import Basics

/// A described error on its way from a worker to a client, unchanged in every part.
public struct TransportedError: DescribedError, Codable, Equatable {
    public var message: String
    public var identifier: String
    public var category: ErrorCategory
    public var recommendedAction: String?
    public var target: String?

    public init(
        message: String, identifier: String, category: ErrorCategory, recommendedAction: String? = nil, target: String? = nil
    ) {
        self.message = message
        self.identifier = identifier
        self.category = category
        self.recommendedAction = recommendedAction
        self.target = target
    }

    /// Carries any error; one without the common shape keeps only its text.
    public init(_ error: any Error) {
        if let same = error as? TransportedError {
            self = same
        } else if let described = error as? any DescribedError {
            self.init(
                message: described.message, identifier: described.identifier, category: described.category,
                recommendedAction: described.recommendedAction, target: described.target)
        } else {
            self.init(message: String(describing: error), identifier: "WorkerFailure", category: .notSpecified)
        }
    }
}

import Basics

/// Why an operation on a whole disk was not done. What was there before is still there and whole.
public struct DiskOperationError: DescribedError {
    public struct Code: Hashable, Sendable {
        private enum Word: String {
            case stopped = "OperationStopped"
            case sizeInvalid = "DiskSizeInvalid"
            case dataWouldBeLost = "DiskDataWouldBeLost"
            case notSupported = "DiskOperationNotSupported"
            case notInChain = "DiskNotInChain"
            case nameInvalid = "DiskNameInvalid"
            case exists = "DiskExists"
        }
        private let word: Word
        /// The user stopped it.
        public static let stopped = Code(word: .stopped)
        public static let sizeInvalid = Code(word: .sizeInvalid)
        /// A shorter disk would lose partitions or data.
        public static let dataWouldBeLost = Code(word: .dataWouldBeLost)
        /// The format or the kind of disk cannot do it.
        public static let notSupported = Code(word: .notSupported)
        /// The destination of a merge is not one of the disk's parents.
        public static let notInChain = Code(word: .notInChain)
        /// A file's name says no format, or another one than is needed.
        public static let nameInvalid = Code(word: .nameInvalid)
        public static let exists = Code(word: .exists)
        var identifier: String { word.rawValue }
    }
    public let code: Code
    public let message: String
    public let target: String?
    public let recommendedAction: String?

    public init(_ code: Code, _ message: String, file: String? = nil, action: String? = nil) {
        (self.code, self.message, target, recommendedAction) = (code, message, file, action)
    }

    public var identifier: String { code.identifier }
    public var category: ErrorCategory {
        switch code {
        case .stopped: .operationStopped
        case .exists: .resourceExists
        case .dataWouldBeLost, .notSupported: .invalidOperation
        default: .invalidArgument
        }
    }

    static func stopped(_ file: String) -> DiskOperationError {
        DiskOperationError(.stopped, "The work on “\(file)” was stopped; the disk is as whole as before.", file: file)
    }
}

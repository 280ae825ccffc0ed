import Basics

/// Why an operation on a whole disk was not done. What was there before is still there and whole.
public typealias DiskOperationError = DiskFileError<DiskOperationCode>

/// The reasons of a `DiskOperationError`.
public struct DiskOperationCode: DiskFileErrorCode {
    private enum Word: String {
        case stopped = "OperationStopped"
        case sizeInvalid = "DiskSizeInvalid"
        case dataWouldBeLost = "DiskDataWouldBeLost"
        case notSupported = "DiskOperationNotSupported"
        case notInChain = "DiskNotInChain"
        case nameInvalid = "DiskNameInvalid"
        case busy = "DiskBusy"
        case toolMissing = "DiskToolMissing"
        case toolFailed = "DiskToolFailed"
    }
    private let word: Word
    /// The user stopped it.
    public static let stopped = DiskOperationCode(word: .stopped)
    public static let sizeInvalid = DiskOperationCode(word: .sizeInvalid)
    /// A shorter disk would lose partitions or data.
    public static let dataWouldBeLost = DiskOperationCode(word: .dataWouldBeLost)
    /// The format or the kind of disk cannot do it.
    public static let notSupported = DiskOperationCode(word: .notSupported)
    /// The destination of a merge is not one of the disk's parents.
    public static let notInChain = DiskOperationCode(word: .notInChain)
    /// A file's name says no format, or another one than is needed.
    public static let nameInvalid = DiskOperationCode(word: .nameInvalid)
    /// Another work on the same running disk is not done yet.
    public static let busy = DiskOperationCode(word: .busy)
    /// A program that the work needs is not installed.
    public static let toolMissing = DiskOperationCode(word: .toolMissing)
    /// A program that the work needs could not do its part.
    public static let toolFailed = DiskOperationCode(word: .toolFailed)

    public var identifier: String { word.rawValue }
    public var category: ErrorCategory {
        switch self {
        case .stopped: .operationStopped
        case .dataWouldBeLost, .notSupported: .invalidOperation
        case .busy: .resourceBusy
        case .toolMissing: .objectNotFound
        case .toolFailed: .readError
        default: .invalidArgument
        }
    }
}

extension DiskOperationError {
    static func stopped(_ file: String) -> DiskOperationError {
        DiskOperationError(.stopped, "The work on “\(file)” was stopped; the disk is as whole as before.", file: file)
    }
}

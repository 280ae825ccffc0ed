import Basics

/// Why an image could not be created, opened or changed as a whole. Reading and writing an open disk fail with `DiskError`.
public struct DiskFormatError: DescribedError {
    public struct Code: Hashable, Sendable {
        private enum Word: String {
            case notThisFormat, truncated, damaged, unsupported, newer, parentMissing, parentMismatch, invalidOption, readOnly, inUse, full,
                failed
        }
        private let word: Word
        /// The file is of another format, or was never completely created.
        public static let notThisFormat = Code(word: .notThisFormat)
        /// The file ends before the image does.
        public static let truncated = Code(word: .truncated)
        /// The image contradicts itself.
        public static let damaged = Code(word: .damaged)
        /// A correct image that uses what we have not got.
        public static let unsupported = Code(word: .unsupported)
        /// Written by a newer version of the format.
        public static let newer = Code(word: .newer)
        /// A differencing disk was opened without its parent.
        public static let parentMissing = Code(word: .parentMissing)
        /// The given parent is not the one that the differencing disk was made on, or has changed since.
        public static let parentMismatch = Code(word: .parentMismatch)
        /// A size, a kind or another wish that the format cannot fulfil.
        public static let invalidOption = Code(word: .invalidOption)
        /// The operation needs an image opened for writing.
        public static let readOnly = Code(word: .readOnly)
        /// Another machine or operation has the file.
        public static let inUse = Code(word: .inUse)
        /// The host's file system has no room.
        public static let full = Code(word: .full)
        /// The host could not read or write the file; `cause` tells.
        public static let failed = Code(word: .failed)

        var identifier: String {
            switch word {
            case .notThisFormat: "DiskNotThisFormat"
            case .truncated: "DiskTruncated"
            case .damaged: "DiskImageDamaged"
            case .unsupported: "DiskImageUnsupported"
            case .newer: "DiskImageNewer"
            case .parentMissing: "DiskParentMissing"
            case .parentMismatch: "DiskParentMismatch"
            case .invalidOption: "DiskOptionInvalid"
            case .readOnly: "DiskImageReadOnly"
            case .inUse: "DiskInUse"
            case .full: "DiskHostFull"
            case .failed: "DiskFileFailed"
            }
        }
    }
    public let code: Code
    public let message: String
    /// The file.
    public let target: String?
    public let recommendedAction: String?
    /// What the file layer said, for `full`, `readOnly` and `failed`.
    public let cause: DiskError?

    public init(_ code: Code, _ message: String, file: String? = nil, action: String? = nil) {
        (self.code, self.message, target, recommendedAction, cause) = (code, message, file, action, nil)
    }

    /// An error of the file layer that ended an operation on the image.
    public init(_ error: DiskError, file: String? = nil) {
        code =
            switch error.code {
            case .full: .full
            case .readOnly: .readOnly
            case .damaged: .damaged
            default: .failed
            }
        (message, target, recommendedAction, cause) = (error.message, error.target ?? file, error.recommendedAction, error)
    }

    public var identifier: String { code.identifier }
    public var category: ErrorCategory {
        switch code {
        case .notThisFormat, .truncated, .damaged: .invalidData
        case .unsupported, .newer: .notImplemented
        case .parentMissing: .objectNotFound
        case .parentMismatch: .invalidOperation
        case .invalidOption: .invalidArgument
        case .readOnly: .permissionDenied
        case .inUse: .resourceBusy
        case .full: .resourceUnavailable
        default: .readError
        }
    }
}

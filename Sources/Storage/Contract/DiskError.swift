import Basics

/// Why a disk could not be read or written while it was in use.
public struct DiskError: DescribedError {
    public struct Code: Hashable, Sendable {
        private enum Word: String { case outOfRange, readOnly, full, failed, damaged, closed }
        private let word: Word
        /// The range does not lie in the disk or is not made of whole sectors.
        public static let outOfRange = Code(word: .outOfRange)
        public static let readOnly = Code(word: .readOnly)
        /// The host's file system has no room; nothing of the request counts as written, and it may be repeated when there is room.
        public static let full = Code(word: .full)
        /// The host could not do it (errno in the message).
        public static let failed = Code(word: .failed)
        /// The image contradicts itself at this place.
        public static let damaged = Code(word: .damaged)
        public static let closed = Code(word: .closed)

        var identifier: String {
            switch word {
            case .outOfRange: "DiskAddressOutOfRange"
            case .readOnly: "DiskReadOnly"
            case .full: "DiskFull"
            case .failed: "DiskFailed"
            case .damaged: "DiskDamaged"
            case .closed: "DiskClosed"
            }
        }
    }
    public let code: Code
    public let message: String
    /// The file.
    public let target: String?
    public let recommendedAction: String?

    public init(_ code: Code, _ message: String, file: String? = nil, action: String? = nil) {
        (self.code, self.message, target, recommendedAction) = (code, message, file, action)
    }

    public var identifier: String { code.identifier }
    public var category: ErrorCategory {
        if code == .outOfRange { return .invalidArgument }
        if code == .readOnly { return .permissionDenied }
        if code == .full { return .resourceUnavailable }
        if code == .damaged { return .invalidData }
        return .writeError
    }
}

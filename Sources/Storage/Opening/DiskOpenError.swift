import Basics
import Glibc

/// Why an image file could not be opened as a disk. Nothing was changed by the attempt.
public typealias DiskOpenError = DiskFileError<DiskOpenCode>

/// The reasons of a `DiskOpenError`.
public struct DiskOpenCode: DiskFileErrorCode {
    private enum Word: String {
        case notFound = "DiskNotFound"
        case notPermitted = "DiskNotPermitted"
        case inUse = "DiskInUse"
        case wrongFormat = "DiskNotThisFormat"
        case damaged = "DiskImageDamaged"
        case truncated = "DiskTruncated"
        case unsupported = "DiskImageUnsupported"
        case parentMissing = "DiskParentMissing"
        case parentNotAllowed = "DiskParentNotAllowed"
        case parentMismatch = "DiskParentMismatch"
        case chainTooLong = "DiskChainTooLong"
        case chainLoop = "DiskChainLoop"
        case notAFile = "DiskNotAFile"
        case tooLarge = "DiskTooLarge"
        case exists = "DiskExists"
        case full = "DiskHostFull"
        case serviceMismatch = "DiskServiceMismatch"
        case serviceFailed = "DiskServiceFailed"
        case failed = "DiskFileFailed"
    }
    private let word: Word
    public static let notFound = DiskOpenCode(word: .notFound)
    public static let notPermitted = DiskOpenCode(word: .notPermitted)
    /// A running VM, an operation on disks or another program has it open.
    public static let inUse = DiskOpenCode(word: .inUse)
    /// The content is not of the format that the configuration or the name says.
    public static let wrongFormat = DiskOpenCode(word: .wrongFormat)
    public static let damaged = DiskOpenCode(word: .damaged)
    /// The file ends before what it should hold.
    public static let truncated = DiskOpenCode(word: .truncated)
    /// Well-formed, but made with something that is not known here.
    public static let unsupported = DiskOpenCode(word: .unsupported)
    public static let parentMissing = DiskOpenCode(word: .parentMissing)
    /// The parent's path in the image leads out of the image's folder and nobody listed it.
    public static let parentNotAllowed = DiskOpenCode(word: .parentNotAllowed)
    /// The parent is not the disk that the child was made from.
    public static let parentMismatch = DiskOpenCode(word: .parentMismatch)
    public static let chainTooLong = DiskOpenCode(word: .chainTooLong)
    public static let chainLoop = DiskOpenCode(word: .chainLoop)
    /// A folder, a pipe, a device.
    public static let notAFile = DiskOpenCode(word: .notAFile)
    public static let tooLarge = DiskOpenCode(word: .tooLarge)
    /// A file that should be made is there already.
    public static let exists = DiskOpenCode(word: .exists)
    public static let full = DiskOpenCode(word: .full)
    /// The process that should serve the disk is of another version.
    public static let serviceMismatch = DiskOpenCode(word: .serviceMismatch)
    /// The process that should serve the disk does not come to it.
    public static let serviceFailed = DiskOpenCode(word: .serviceFailed)
    /// The host could not do it (errno in the message).
    public static let failed = DiskOpenCode(word: .failed)

    private init(word: Word) { self.word = word }

    /// The code that an `identifier` stands for.
    init?(identifier: String) {
        guard let word = Word(rawValue: identifier) else { return nil }
        self.word = word
    }

    public var identifier: String { word.rawValue }
    public var category: ErrorCategory {
        switch self {
        case .notFound, .parentMissing: .objectNotFound
        case .notPermitted, .parentNotAllowed: .permissionDenied
        case .inUse: .resourceBusy
        case .exists: .resourceExists
        case .full, .serviceFailed: .resourceUnavailable
        case .damaged, .truncated, .unsupported, .wrongFormat, .chainTooLong, .chainLoop, .parentMismatch, .serviceMismatch: .invalidData
        case .notAFile, .tooLarge: .invalidArgument
        default: .readError
        }
    }
}

extension DiskOpenError {
    /// What open(2) and its kin answered for `file`.
    static func system(_ number: Int32, _ file: String) -> DiskOpenError {
        switch number {
        case ENOENT, ENOTDIR: DiskOpenError(.notFound, "There is no file “\(file)”.", file: file)
        case EACCES, EPERM:
            DiskOpenError(
                .notPermitted, "You may not open “\(file)”.", file: file, action: "Change the file's or its folder's permissions.")
        case EROFS:
            DiskOpenError(.notPermitted, "“\(file)” lies on a read-only file system.", file: file, action: "Open it read-only or copy it.")
        case EAGAIN, EBUSY, ETXTBSY: inUse(file)
        case EEXIST: DiskOpenError(.exists, "“\(file)” is there already.", file: file, action: "Choose another name or remove it.")
        case EISDIR: DiskOpenError(.notAFile, "“\(file)” is a folder, not a disk's file.", file: file)
        case ENAMETOOLONG, ELOOP: DiskOpenError(.notFound, "“\(file)” is not a usable path: \(text(number)).", file: file)
        case ENOSPC, EDQUOT: DiskOpenError(.full, "There is no space left for “\(file)”.", file: file, action: "Make room and try again.")
        default: DiskOpenError(.failed, "“\(file)” cannot be opened: \(text(number)).", file: file)
        }
    }

    static func inUse(_ file: String) -> DiskOpenError {
        DiskOpenError(
            .inUse, "“\(file)” is in use by a virtual machine or another program.", file: file,
            action: "Stop what uses it, or detach it there.")
    }

    /// A failure to read what opening had to read.
    init(_ error: DiskError) {
        let code: Code = error.code == .damaged ? .damaged : error.code == .full ? .full : error.code == .readOnly ? .notPermitted : .failed
        self.init(code, error.message, file: error.target, action: error.recommendedAction)
    }

    /// What a format said about the image.
    init(_ error: DiskFormatError) {
        let code: Code =
            switch error.code {
            case .notThisFormat: .wrongFormat
            case .truncated: .truncated
            case .damaged: .damaged
            case .unsupported, .newer: .unsupported
            case .parentMissing: .parentMissing
            case .parentMismatch: .parentMismatch
            case .readOnly: .notPermitted
            case .inUse: .inUse
            case .full: .full
            default: .failed
            }
        self.init(code, error.message, file: error.target, action: error.recommendedAction)
    }

    private static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}

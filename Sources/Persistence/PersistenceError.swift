import Basics
import Glibc

/// Why something on disk could not be read or written. What was there before is still there.
public struct PersistenceError: DescribedError, Equatable {
    public let message: String
    public let identifier: String
    public let category: ErrorCategory
    public let recommendedAction: String?
    public let target: String?

    package init(_ identifier: String, _ category: ErrorCategory, _ message: String, action: String? = nil, target: String? = nil) {
        self.identifier = identifier
        self.category = category
        self.message = message
        self.recommendedAction = action
        self.target = target
    }
}

extension PersistenceError {
    /// A system call on `path` failed with `code` (errno); `doing` completes "cannot …".
    package static func system(_ code: Int32, _ doing: String, path: String) -> PersistenceError {
        switch code {
        case ENOENT:
            PersistenceError("FileNotFound", .objectNotFound, "“\(path)” does not exist.", target: path)
        case EPERM, EACCES:
            PersistenceError(
                "AccessDenied", .permissionDenied, "This user may not \(doing) “\(path)”.",
                action: "Check owner and mode of the path, or name another store with --store.", target: path)
        case EROFS:
            PersistenceError(
                "AccessDenied", .permissionDenied, "“\(path)” lies on a file system that is read-only; cannot \(doing) it.",
                action: "Name another store with --store.", target: path)
        case ENOSPC, EDQUOT:
            PersistenceError(
                "DiskFull", .writeError, "There is no space left to \(doing) “\(path)”; what was there before is unchanged.",
                action: "Free some space and repeat the command.", target: path)
        case EFBIG:
            PersistenceError(
                "FileTooLarge", .writeError, "“\(path)” would grow beyond the largest file allowed here; cannot \(doing) it.", target: path)
        default:
            PersistenceError("FileFailure", .notSpecified, "Cannot \(doing) “\(path)”: \(SystemMessage.text(code)).", target: path)
        }
    }

    /// True when the cause is that a file or folder is not there.
    package var isNotFound: Bool { identifier == "FileNotFound" }

    static func newerDocument(_ path: String, has: Int, known: Int, identifier: String) -> PersistenceError {
        PersistenceError(
            identifier, .invalidData, "“\(path)” has version \(has), this program knows versions up to \(known).",
            action: "Use the newer program that wrote it; nothing was changed.", target: path)
    }
}

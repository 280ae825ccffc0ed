import Basics
import Glibc

/// Why a port, an uplink or a whole switch cannot be as it was asked for.
package struct NetworkError: DescribedError, Equatable {
    package let message: String
    package let identifier: String
    package let category: ErrorCategory
    package let recommendedAction: String?
    package let target: String?

    package init(_ identifier: String, _ category: ErrorCategory, _ message: String, action: String? = nil, target: String? = nil) {
        (self.message, self.identifier, self.category) = (message, identifier, category)
        (recommendedAction, self.target) = (action, target)
    }

    /// A system call failed with `code` (errno); `doing` completes "Cannot …".
    static func system(_ code: Int32, _ doing: String) -> NetworkError {
        NetworkError("NetworkFailure", .resourceUnavailable, "Cannot \(doing): \(String(cString: strerror(code))).")
    }
}

import Basics

/// Why guest RAM could not be had.
package struct GuestMemoryError: DescribedError {
    package enum Code: Sendable { case badSize, refused }
    package let code: Code
    package let bytes: UInt64
    package let errno: Int32

    package init(_ code: Code, bytes: UInt64, errno: Int32 = 0) { (self.code, self.bytes, self.errno) = (code, bytes, errno) }

    package var identifier: String { "GuestMemory" }
    package var category: ErrorCategory { code == .badSize ? .invalidArgument : .resourceUnavailable }
    package var message: String {
        switch code {
        case .badSize: "\(bytes) bytes of guest memory: it must be a multiple of 4 KiB and at least 1 MiB."
        case .refused: "The host refuses \(bytes) bytes of guest memory (error \(errno))."
        }
    }
    package var recommendedAction: String? { code == .refused ? "Give the VM less memory or free some on the host." : nil }
}

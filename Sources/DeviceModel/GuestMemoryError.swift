import Basics

/// Why guest RAM could not be had.
package struct GuestMemoryError: DescribedError {
    package enum Code: Sendable { case badSize, refused, shortFile, unreadable, unmapped }
    package let code: Code
    package let bytes: UInt64
    package let errno: Int32

    package init(_ code: Code, bytes: UInt64, errno: Int32 = 0) { (self.code, self.bytes, self.errno) = (code, bytes, errno) }

    package var identifier: String { "GuestMemory" }
    package var category: ErrorCategory {
        switch code {
        case .badSize: .invalidArgument
        case .refused, .unmapped: .resourceUnavailable
        case .shortFile: .invalidData
        case .unreadable: .readError
        }
    }
    package var message: String {
        switch code {
        case .badSize: "\(bytes) bytes of guest memory: it must be a multiple of 4 KiB and at least 1 MiB."
        case .refused: "The host refuses \(bytes) bytes of guest memory (error \(errno))."
        case .shortFile: "The saved state ends before the \(bytes) bytes of memory in it."
        case .unreadable: "Memory in the saved state cannot be read (error \(errno))."
        case .unmapped: "The host refuses to map \(bytes) bytes of the saved state (error \(errno))."
        }
    }
    package var recommendedAction: String? { code == .refused ? "Give the VM less memory or free some on the host." : nil }
}

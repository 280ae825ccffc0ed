import Basics

/// Why a guest cannot be started from its boot files.
package struct BootError: DescribedError {
    package struct Code: Equatable, Sendable {
        private enum Value: String, Sendable {
            case fileMissing, fileUnreadable, kernelTruncated, notBootable
            case kernelTooLarge, ramdiskTooLarge, argumentsTooLong, memoryTooSmall
        }
        private let value: Value
        private init(_ value: Value) { self.value = value }
        var name: String { value.rawValue }

        package static let fileMissing = Code(.fileMissing)
        package static let fileUnreadable = Code(.fileUnreadable)
        package static let kernelTruncated = Code(.kernelTruncated)
        package static let notBootable = Code(.notBootable)
        package static let kernelTooLarge = Code(.kernelTooLarge)
        package static let ramdiskTooLarge = Code(.ramdiskTooLarge)
        package static let argumentsTooLong = Code(.argumentsTooLong)
        package static let memoryTooSmall = Code(.memoryTooSmall)
    }

    package let code: Code
    /// The file, or empty.
    package let file: String
    package let detail: String

    package init(_ code: Code, file: String = "", detail: String = "") { (self.code, self.file, self.detail) = (code, file, detail) }

    package var identifier: String { "Boot" + code.name.prefix(1).uppercased() + code.name.dropFirst() }
    package var category: ErrorCategory {
        switch code {
        case .fileMissing: .objectNotFound
        case .fileUnreadable: .readError
        case .kernelTruncated, .notBootable: .invalidData
        case .argumentsTooLong: .invalidArgument
        default: .resourceUnavailable
        }
    }
    package var target: String? { file.isEmpty ? nil : file }
    package var message: String {
        switch code {
        case .fileMissing: "The boot file “\(file)” does not exist."
        case .fileUnreadable: "The boot file “\(file)” cannot be read: \(detail)."
        case .kernelTruncated: "The kernel “\(file)” is truncated: \(detail)."
        case .notBootable: "The kernel “\(file)” cannot be booted: \(detail)."
        case .kernelTooLarge: "The kernel “\(file)” does not fit into the VM's memory: \(detail)."
        case .ramdiskTooLarge: "The initial ramdisk “\(file)” does not fit into the VM's memory: \(detail)."
        case .argumentsTooLong: "The kernel arguments are too long: \(detail)."
        default: "The VM's memory is too small to start: \(detail)."
        }
    }
    package var recommendedAction: String? {
        switch code {
        case .fileMissing, .fileUnreadable: "Name a readable file: Set-VMFirmware -KernelPath, -InitialRamdiskPath."
        case .kernelTruncated: "Copy the kernel again."
        case .notBootable: "Give a 64-bit Linux kernel (bzImage), for example Debian's /boot/vmlinuz."
        case .argumentsTooLong: "Shorten -KernelArguments."
        default: "Give the VM more memory: Set-VMMemory -StartupBytes."
        }
    }
}

import Basics

/// Why the hypervisor refused what the virtualization stack asked.
package struct HypervisorError: DescribedError {
    package let status: HypercallStatus
    /// The call that failed, by its manual name.
    package let call: String
    package let detail: String

    package init(_ status: HypercallStatus, call: String, detail: String = "") {
        (self.status, self.call, self.detail) = (status, call, detail)
    }

    package var identifier: String { "HypercallFailed" }
    package var category: ErrorCategory {
        switch status {
        case .accessDenied: .permissionDenied
        case .insufficientMemory, .insufficientBuffers: .resourceUnavailable
        case .invalidPartitionID, .invalidVPIndex: .objectNotFound
        default: .invalidOperation
        }
    }
    package var target: String? { call }
    package var message: String { "\(call) failed with \(status)" + (detail.isEmpty ? "." : ": \(detail).") }
}

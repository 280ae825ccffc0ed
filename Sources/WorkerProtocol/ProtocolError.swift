import Basics

/// Why two ends of a control channel do not understand each other.
package struct ProtocolError: DescribedError, Equatable {
    package let message: String
    package let identifier: String
    package let category: ErrorCategory
    package let recommendedAction: String?

    private init(_ identifier: String, _ category: ErrorCategory, _ message: String, action: String? = nil) {
        self.identifier = identifier
        self.category = category
        self.message = message
        recommendedAction = action
    }

    package static func malformed(_ what: String) -> ProtocolError {
        ProtocolError("ProtocolMalformed", .invalidData, "The other end of the control channel sent \(what).")
    }

    package static func noCommonVersion(ours: ClosedRange<Int>, theirs: ClosedRange<Int>) -> ProtocolError {
        ProtocolError(
            "ProtocolVersionMismatch", .invalidOperation,
            "This program speaks control protocol \(ours.lowerBound) to \(ours.upperBound), the other end \(theirs.lowerBound) to \(theirs.upperBound).",
            action: "Use the program that started the VM, or turn the VM off and start it with this one.")
    }

    package static func wrongPeer(_ what: String) -> ProtocolError {
        ProtocolError("ProtocolWrongPeer", .invalidData, "The other end of the control channel serves another \(what).")
    }

    package static func unknownRequest(_ name: String) -> ProtocolError {
        ProtocolError(
            "ProtocolUnknownRequest", .notImplemented, "This worker does not know the request “\(name)”.",
            action: "Turn the VM off and start it with the newer program.")
    }

    package static func tooManyRequests() -> ProtocolError {
        ProtocolError(
            "ProtocolBusy", .resourceBusy, "More than \(ProtocolLimits.requests) requests wait on this connection.",
            action: "Wait for earlier ones to end.")
    }

    package static func tooManyConnections() -> ProtocolError {
        ProtocolError(
            "ProtocolBusy", .resourceBusy, "The worker already serves \(ProtocolLimits.connections) connections.",
            action: "Close some consoles or waiting commands.")
    }
}

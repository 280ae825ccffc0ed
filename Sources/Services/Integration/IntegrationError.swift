import Basics

/// Why a request to a guest's integration services was not fulfilled.
package struct IntegrationError: DescribedError, Equatable {
    package struct Code: Hashable, Sendable {
        private enum Word: String {
            case notConnected, busy, disconnected, timedOut, interrupted, refused, malformedAnswer, notSupported, invalidArgument
            case alreadyExists, diskFull, cannotWrite, sourceFailed, cancelled, notFound
        }
        private let word: Word
        /// No driver has opened the channel, or versions are not agreed on.
        package static let notConnected = Code(word: .notConnected)
        /// Another request of this service is not answered yet.
        package static let busy = Code(word: .busy)
        /// The guest closed the channel before it answered.
        package static let disconnected = Code(word: .disconnected)
        package static let timedOut = Code(word: .timedOut)
        /// The machine was saved, turned off or reset before the guest answered.
        package static let interrupted = Code(word: .interrupted)
        /// `status` says how.
        package static let refused = Code(word: .refused)
        /// The answer is too short or contradicts the request.
        package static let malformedAnswer = Code(word: .malformedAnswer)
        /// The guest's driver speaks a version without this request.
        package static let notSupported = Code(word: .notSupported)
        package static let invalidArgument = Code(word: .invalidArgument)
        package static let alreadyExists = Code(word: .alreadyExists)
        package static let diskFull = Code(word: .diskFull)
        package static let cannotWrite = Code(word: .cannotWrite)
        /// The host could not read what was to be copied.
        package static let sourceFailed = Code(word: .sourceFailed)
        package static let cancelled = Code(word: .cancelled)
        package static let notFound = Code(word: .notFound)

        var identifier: String { "Integration" + word.rawValue.prefix(1).uppercased() + word.rawValue.dropFirst() }

        var category: ErrorCategory {
            switch word {
            case .notConnected, .disconnected: .resourceUnavailable
            case .busy: .resourceBusy
            case .timedOut: .operationTimeout
            case .interrupted, .cancelled: .operationStopped
            case .refused: .invalidOperation
            case .malformedAnswer: .invalidData
            case .notSupported: .notImplemented
            case .invalidArgument: .invalidArgument
            case .alreadyExists: .resourceExists
            case .diskFull, .cannotWrite: .writeError
            case .sourceFailed: .readError
            case .notFound: .objectNotFound
            }
        }

        /// For services that have nothing more exact to say.
        func message(service: String, status: IntegrationStatus?) -> (String, action: String?) {
            let named = "The guest's “\(service)” integration service"
            switch word {
            case .notConnected:
                let otherwise = service == IntegrationIdentity.shutdown.name ? " Stop-VM -TurnOff needs no guest." : ""
                return (
                    "\(named) is not connected.",
                    "Enable it in the VM and see that the guest has booted and loaded its driver (Linux: hv_utils)." + otherwise
                )
            case .busy: return ("\(named) is still busy with another request.", "Wait for that request and try again.")
            case .disconnected: return ("\(named) disconnected before it answered.", "The guest may be shutting down; look at its state.")
            case .timedOut: return ("\(named) did not answer in time.", "The guest may hang or be very busy; try again.")
            case .interrupted: return ("The machine stopped before \(named.prefix(1).lowercased() + named.dropFirst()) answered.", nil)
            case .refused:
                // Drivers without their daemon refuse everything so; shutdown has none.
                let mayLackDaemon = status == .failed && service != IntegrationIdentity.shutdown.name
                return (
                    "\(named) refused the request with status \(status?.description ?? "unknown").",
                    mayLackDaemon ? "See that the service's daemon runs in the guest (Debian: package hyperv-daemons)." : nil
                )
            case .malformedAnswer: return ("\(named) sent an answer that cannot be understood.", nil)
            case .notSupported: return ("\(named) does not support this request.", "Update the guest's integration services.")
            case .invalidArgument: return ("\(named) cannot be asked for this.", nil)
            case .alreadyExists: return ("The file is already in the guest.", "Ask for it to be overwritten or choose another name.")
            case .diskFull: return ("The guest's disk is full.", "Make room in the guest.")
            case .cannotWrite: return ("The guest could not write the file.", "Look at the path and its permissions in the guest.")
            case .sourceFailed: return ("The source could not be read.", nil)
            case .cancelled: return ("The operation was cancelled.", nil)
            case .notFound: return ("\(named) does not have the item.", nil)
            }
        }
    }
    package let code: Code
    /// What the guest answered, when it did.
    package let status: IntegrationStatus?
    package let message: String
    package let target: String?
    package let recommendedAction: String?

    package init(
        _ code: Code, service: IntegrationIdentity, status: IntegrationStatus? = nil, message: String? = nil, action: String? = nil
    ) {
        let general = code.message(service: service.name, status: status)
        (self.code, self.status, self.message, target) = (code, status, message ?? general.0, service.name)
        recommendedAction = action ?? (message == nil ? general.action : nil)
    }

    package var identifier: String { code.identifier }
    package var category: ErrorCategory { code.category }
}

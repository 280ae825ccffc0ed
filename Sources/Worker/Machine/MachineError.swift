import Basics

/// Why a machine could not be made or a verb not be carried out.
package struct MachineError: DescribedError {
    package struct Code: Equatable, Sendable {
        fileprivate enum Value: String, Sendable {
            case wrongState, restless, engineMissing, engineUnknown, modelUnknown, processorCount, memory, boot, disk, network, state
            case savedTruncated, savedCorrupt, savedNewer, savedMismatch, savedParent, writeFailed, notExact, port, assembly
        }
        fileprivate let value: Value
        private init(_ value: Value) { self.value = value }

        /// The verb makes no sense in the machine's present state.
        package static let wrongState = Code(.wrongState)
        /// A processor or a device does not come to rest, so the machine cannot stand still.
        package static let restless = Code(.restless)
        package static let engineMissing = Code(.engineMissing)
        package static let engineUnknown = Code(.engineUnknown)
        package static let modelUnknown = Code(.modelUnknown)
        package static let processorCount = Code(.processorCount)
        /// Guest RAM was refused; `cause` says why.
        package static let memory = Code(.memory)
        /// Kernel or ramdisk cannot be booted; `cause` says why.
        package static let boot = Code(.boot)
        /// A virtual disk cannot be opened; `cause` says why.
        package static let disk = Code(.disk)
        /// An adapter cannot be connected; `cause` says why.
        package static let network = Code(.network)
        /// A unit's state cannot be saved or restored; `cause` says why.
        package static let state = Code(.state)
        package static let savedTruncated = Code(.savedTruncated)
        package static let savedCorrupt = Code(.savedCorrupt)
        package static let savedNewer = Code(.savedNewer)
        package static let savedMismatch = Code(.savedMismatch)
        /// A file that the saved state builds on is missing or another.
        package static let savedParent = Code(.savedParent)
        package static let writeFailed = Code(.writeFailed)
        package static let notExact = Code(.notExact)
        package static let port = Code(.port)
        package static let assembly = Code(.assembly)
    }

    package let code: Code
    package let detail: String
    package let cause: (any DescribedError)?

    package init(_ code: Code, detail: String = "", cause: (any DescribedError)? = nil) {
        (self.code, self.detail, self.cause) = (code, detail, cause)
    }

    package var identifier: String {
        cause?.identifier ?? "Machine" + code.value.rawValue.prefix(1).uppercased() + code.value.rawValue.dropFirst()
    }

    package var category: ErrorCategory {
        if let cause { return cause.category }
        return switch code.value {
        case .wrongState: .invalidOperation
        case .restless: .operationTimeout
        case .engineMissing: .notImplemented
        case .engineUnknown, .modelUnknown, .processorCount, .port, .notExact: .invalidArgument
        case .savedTruncated, .savedCorrupt, .savedNewer, .savedMismatch, .savedParent: .invalidData
        case .writeFailed: .writeError
        default: .notSpecified
        }
    }

    package var message: String {
        if let cause { return cause.message }
        return switch code.value {
        case .wrongState: "The machine cannot do that now: \(detail)."
        case .restless: "The machine cannot be brought to a standstill: \(detail)."
        case .engineMissing: "The processor engine “\(detail)” is not there yet."
        case .engineUnknown: "There is no processor engine “\(detail)”."
        case .modelUnknown: "There is no processor model “\(detail)”."
        case .processorCount: "A VM has 1 to 8 virtual processors, not \(detail)."
        case .savedTruncated: "The saved state ends early."
        case .savedCorrupt: "The saved state is damaged: \(detail)."
        case .savedNewer: "The saved state has version \(detail)."
        case .savedMismatch: "The saved state does not fit this VM: \(detail)."
        case .savedParent: "What the saved state builds on is not there: \(detail)."
        case .writeFailed: "The saved state cannot be written: \(detail)."
        case .notExact: "Only a VM in Exact time mode stops at a count of instructions."
        case .port: "There is no COM port \(detail)."
        case .memory, .boot, .disk, .network, .state, .assembly: "The machine cannot be put together: \(detail)."
        }
    }

    package var recommendedAction: String? {
        if let cause { return cause.recommendedAction }
        return switch code.value {
        case .restless: "Try again later; Stop-VM -TurnOff -Force ends the VM in any case."
        case .engineMissing, .engineUnknown: "Choose Set-VMProcessor -Engine Auto, Translator or Interpreter."
        case .savedTruncated, .savedCorrupt, .savedNewer: "Remove-VMSavedState discards it; the VM then starts afresh."
        case .savedMismatch: "Give the VM its former settings, or discard the state with Remove-VMSavedState."
        case .savedParent: "Put the files of the earlier checkpoints back as they were."
        case .writeFailed: "Free space on the disk of the VM's folder."
        case .port: "Use COM port 1 or 2."
        default: nil
        }
    }
}

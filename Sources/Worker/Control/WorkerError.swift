import Basics
import WorkerProtocol

/// Why a worker did not start, or did not do what it was asked.
package struct WorkerError: DescribedError, Equatable {
    package let message: String
    package let identifier: String
    package let category: ErrorCategory
    package let recommendedAction: String?
    package let target: String?

    init(_ identifier: String, _ category: ErrorCategory, _ message: String, action: String? = nil, target: String? = nil) {
        self.identifier = identifier
        self.category = category
        self.message = message
        recommendedAction = action
        self.target = target
    }

    static func usage(_ why: String) -> WorkerError {
        WorkerError(
            "WorkerUsage", .invalidArgument, "A worker is started by Start-VM, not by hand: \(why).",
            action: "Use: lunavisor -c 'Start-VM NAME'")
    }

    static func alreadyRunning(_ name: String, process: Int32?) -> WorkerError {
        WorkerError(
            "AlreadyRunning", .resourceBusy,
            "“\(name)” is already running or being started" + (process.map { " (worker process \($0))." } ?? "."), target: name)
    }

    static func refused(_ verb: VirtualMachineVerb, _ name: String, state: VirtualMachineState) -> WorkerError {
        WorkerError(
            "InvalidState", .invalidOperation, "“\(name)” cannot be \(verb.participle) while its state is \(state.rawValue).", target: name)
    }
}

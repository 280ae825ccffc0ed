import Basics
import WorkerProtocol

extension ManagementError {
    static var stopped: ManagementError { ManagementError("OperationStopped", .operationStopped, "The command was interrupted.") }

    static func notFound(_ name: String, nearest: String?) -> ManagementError {
        ManagementError(
            "VMNotFound", .objectNotFound, "There is no VM “\(name)” in this store.",
            action: nearest.map { "Did you mean “\($0)”? Get-VM lists them all." } ?? "Get-VM lists those that exist.", target: name)
    }

    static func exists(_ name: String) -> ManagementError {
        ManagementError(
            "VMNameExists", .resourceExists, "There is already a VM “\(name)”; names are unique within a store without regard to case.",
            action: "Choose another name, or remove the other VM with Remove-VM.", target: name)
    }

    static func refused(_ doing: String, _ name: String, state: VirtualMachineState, action: String? = nil) -> ManagementError {
        ManagementError(
            "InvalidState", .invalidOperation, "“\(name)” cannot be \(doing) while its state is \(state.rawValue).", action: action,
            target: name)
    }

    static func alreadyRunning(_ name: String, state: VirtualMachineState) -> ManagementError {
        ManagementError(
            "AlreadyRunning", .invalidOperation, "“\(name)” cannot be started while its state is \(state.rawValue).", target: name)
    }

    static func silent(_ name: String, process: Int32?) -> ManagementError {
        ManagementError(
            "WorkerNotResponding", .operationTimeout,
            "The worker of “\(name)” does not answer" + (process.map { " (process \($0))." } ?? "."),
            action: "Wait and repeat the command, or end the worker with Stop-VM \(name) -TurnOff -Force.", target: name)
    }

    static func settings(_ why: String, _ identifier: String, _ category: ErrorCategory, name: String, action: String) -> ManagementError {
        ManagementError(identifier, category, why, action: action, target: name)
    }
}

import Basics
import Persistence
import Synchronization
import WorkerProtocol

/// A checkpoint by its id and the name it had when it was asked for.
public struct MachineCheckpoint: Sendable {
    public var id: GUID
    public var name: String
}

/// The configuration of a VM that is not there: one that is not imported yet, which Compare-VM shows and cmdlets may change before, or one
/// as it was at a checkpoint, which nobody changes.
final class PlannedMachine: Sendable {
    private let current: Mutex<VirtualMachineConfiguration>

    /// The checkpoint that it is of; nil: it is planned.
    let checkpoint: MachineCheckpoint?

    init(_ configuration: VirtualMachineConfiguration, checkpoint: MachineCheckpoint? = nil) {
        current = Mutex(configuration)
        self.checkpoint = checkpoint
    }

    var configuration: VirtualMachineConfiguration { current.withLock { $0 } }

    func change(
        _ body: (VirtualMachineConfiguration) throws -> VirtualMachineConfiguration
    ) throws -> VirtualMachineConfiguration {
        if let checkpoint {
            throw ManagementError(
                "CheckpointUnchangeable", .invalidOperation,
                "What “\(configuration.name)” was at the checkpoint “\(checkpoint.name)” cannot be changed.",
                action: "Change the machine itself, or go back to the checkpoint first: Restore-VMSnapshot.", target: checkpoint.name)
        }
        let new = try body(configuration)
        current.withLock { $0 = new }
        return new
    }

    func status(of machine: VirtualMachine) -> VirtualMachineStatus {
        let configuration = configuration
        return VirtualMachineStatus(
            id: configuration.id, name: configuration.name, state: configuration.savedMemory == nil ? .off : .saved,
            statusText: "Planned: not imported yet", isResponding: true, uptimeNanoseconds: 0, cpuUsage: 0, memoryAssigned: 0,
            configuration: configuration, workerProcessId: nil, partitionId: nil, startTime: nil, version: "\(configuration.version).0",
            path: "", hasSavedState: configuration.savedMemory != nil, engine: nil, guest: nil)
    }

    static func notThere(_ name: String) -> ManagementError {
        ManagementError(
            "PlannedMachine", .invalidOperation, "“\(name)” is only planned: it has not been imported yet.",
            action: "Import it with Import-VM -CompatibilityReport; until then its settings can be changed.", target: name)
    }
}

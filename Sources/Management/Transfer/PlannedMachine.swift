import Basics
import Persistence
import Synchronization
import WorkerProtocol

/// The configuration of a VM that is not there yet: what Compare-VM shows, and what cmdlets may change before it is imported.
final class PlannedMachine: Sendable {
    private let current: Mutex<VirtualMachineConfiguration>

    init(_ configuration: VirtualMachineConfiguration) { current = Mutex(configuration) }

    var configuration: VirtualMachineConfiguration { current.withLock { $0 } }

    func change(
        _ body: (VirtualMachineConfiguration) throws -> VirtualMachineConfiguration
    ) throws -> VirtualMachineConfiguration {
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

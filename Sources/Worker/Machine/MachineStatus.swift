import Processor
import WorkerProtocol

/// What a machine says of itself at one moment. Reading it disturbs no guest.
package struct MachineStatus: Codable, Equatable, Sendable {
    package var state: VirtualMachineState
    /// Partition time since the last start or reset, kept over save and restore, in nanoseconds.
    package var uptime: UInt64
    /// Instructions retired by all virtual processors together.
    package var instructions: UInt64
    /// Percent of the host's processors used by the virtual processors since the last call, 0 to 100.
    package var cpuUsage: Int
    /// Bytes of RAM the guest has.
    package var memoryAssigned: UInt64
    /// The engine in use, for example "Interpreter".
    package var engine: String
}

/// The child partition as the hypervisor knows it.
package struct PartitionInformation: Codable, Equatable, Sendable {
    package var id: UInt64
    package var parentID: UInt64
    package var state: String
    package var privileges: UInt64
    package var virtualProcessors: Int
    package var memory: UInt64
    package var hypercalls: UInt64
    /// Intercepts by kind, sorted by kind.
    package var intercepts: [Count]
    /// Sum over the virtual processors in nanoseconds.
    package var runTime: UInt64

    package struct Count: Codable, Equatable, Sendable {
        package var kind: String
        package var count: UInt64
        package init(kind: String, count: UInt64) { (self.kind, self.count) = (kind, count) }
    }
}

/// One virtual processor for Get-VirtualProcessor.
package struct VirtualProcessorInformation: Codable, Equatable, Sendable {
    package var index: Int
    /// Running, Halted (waits for an interrupt), WaitingForStartup or Paused.
    package var runState: String
    package var instructionsRetired: UInt64
    /// Host processor time in nanoseconds.
    package var runTime: UInt64
    /// All registers at one instruction boundary, when asked for.
    package var registers: ProcessorState?
}

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

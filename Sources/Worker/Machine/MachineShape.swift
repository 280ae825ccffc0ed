/// What must be alike for a saved state to fit a machine: everything the guest could see.
package struct MachineShape: Codable, Equatable, Sendable {
    package var generation: Int
    package var processors: Int
    package var model: String
    package var memoryBytes: UInt64
    package var timeMode: String
    package var picosecondsPerInstruction: UInt64

    package init(
        generation: Int, processors: Int, model: String, memoryBytes: UInt64, timeMode: String, picosecondsPerInstruction: UInt64
    ) {
        (self.generation, self.processors, self.model, self.memoryBytes) = (generation, processors, model, memoryBytes)
        (self.timeMode, self.picosecondsPerInstruction) = (timeMode, picosecondsPerInstruction)
    }

    /// What differs from `other`, in words; nil: nothing.
    package func difference(from other: MachineShape) -> String? {
        if generation != other.generation { return "it is of generation \(generation), the VM of \(other.generation)" }
        if processors != other.processors { return "it has \(processors) processors, the VM \(other.processors)" }
        if model != other.model { return "its processor model is \(model), the VM's \(other.model)" }
        if memoryBytes != other.memoryBytes { return "it has \(memoryBytes >> 20) MiB, the VM \(other.memoryBytes >> 20)" }
        if timeMode != other.timeMode { return "its time mode is \(timeMode), the VM's \(other.timeMode)" }
        if picosecondsPerInstruction != other.picosecondsPerInstruction { return "its instructions take another time" }
        return nil
    }
}

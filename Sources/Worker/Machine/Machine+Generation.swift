import Basics
import Boot
import Devices
import Persistence

/// The virtual machine generation counter (Microsoft, "Virtual Machine Generation ID"): sixteen bytes in the guest's memory that are others
/// once the guest goes on from a moment that it, or another VM, has gone on from before.
extension Machine {
    /// Shows the guest of a restored machine the id that its configuration has now, and notifies it when that is another than it knows. A guest
    /// from before there were generation counters expects none in its memory. Precondition: everything stands.
    func renewGeneration() {
        guard let known = generationId, let id = configuration.generationId, id != known else { return }
        guard memory.write(LowMemory.generationId, id.bytes) else { return }
        generationId = id
        scheduler.perform { [bus, devices] _ in bus.withLock { devices.powerManagement.raise(.generationChanged) } }
    }
}

extension VirtualMachineConfiguration {
    /// A generation id for the next start. An Exact VM's follows from its seed and the checkpoint it goes on from: what is repeated is the
    /// same, and yet a checkpoint's guest never finds the id it was saved with.
    package func drawGenerationId() -> GUID {
        guard timeMode == .exact else { return GUID() }
        var hash = StateHash()
        // A clone has another one.
        hash.combine(UInt64(bitPattern: creationTime))
        if let checkpoint = past?.current { hash.combine(checkpoint.description) }
        return SeededGenerator.identifier(seed: seed ?? 0, number: hash.value)
    }
}

import Persistence
import Services

extension VirtualMachineConfiguration.Memory {
    /// Bytes of RAM that the guest can ever have, with the gap that it never sees before what is added.
    var mostBytes: UInt64 {
        guard dynamicMemoryEnabled, maximumBytes > startupBytes else { return startupBytes }
        return maximumBytes + DynamicMemoryService.gap(behind: startupBytes)
    }

    /// What the dynamic memory service keeps to.
    var serviceSettings: DynamicMemoryService.Settings {
        DynamicMemoryService.Settings(isEnabled: dynamicMemoryEnabled, minimum: minimumBytes, maximum: maximumBytes, buffer: buffer)
    }
}

import Persistence
import Services

extension VirtualMachineConfiguration.Memory {
    /// Bytes of RAM that the guest can ever have.
    var mostBytes: UInt64 { dynamicMemoryEnabled ? max(maximumBytes, startupBytes) : startupBytes }

    /// What the dynamic memory service keeps to.
    var serviceSettings: DynamicMemoryService.Settings {
        DynamicMemoryService.Settings(isEnabled: dynamicMemoryEnabled, minimum: minimumBytes, maximum: maximumBytes, buffer: buffer)
    }
}

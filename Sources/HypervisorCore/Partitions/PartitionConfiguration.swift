import DeviceModel
import Processor

/// What the virtualization stack gives a child partition when it creates it.
package struct PartitionConfiguration {
    /// The VM's name, for views.
    package var name: String
    package var memory: GuestMemory
    /// The partition's time and alarms.
    package var timers: any TimerService
    /// Ports, memory-mapped registers and acknowledgements; called on VP threads with no lock of the hypervisor held.
    package var devices: any DeviceAccess
    package var processorModel: ProcessorModel
    /// The guest finds the hypervisor's CPUID leaves, MSRs and hypercalls; else none of them exists for it.
    package var showsHypervisor: Bool
    /// Makes a VP's engine. The engine must not keep handler or map alive (the VP owns it).
    package var makeEngine: (_ handler: any InterceptHandler, _ map: any GuestPhysicalMap, _ index: Int) throws -> any ProcessorEngine
    /// Kept alive by the partition.
    package var observer: (any PartitionObserver)?

    package init(
        name: String, memory: GuestMemory, timers: any TimerService, devices: any DeviceAccess, processorModel: ProcessorModel,
        showsHypervisor: Bool = true,
        makeEngine: @escaping (any InterceptHandler, any GuestPhysicalMap, Int) throws -> any ProcessorEngine,
        observer: (any PartitionObserver)? = nil
    ) {
        self.name = name
        self.memory = memory
        self.timers = timers
        self.devices = devices
        self.processorModel = processorModel
        self.showsHypervisor = showsHypervisor
        self.makeEngine = makeEngine
        self.observer = observer
    }
}

/// What `Get-VMHost` shows.
public struct HostInformation: Sendable {
    public var computerName: String
    public var storePath: String
    /// Where VM folders lie: `STORE/vms`.
    public var virtualMachinePath: String
    /// Default folder for disks: `STORE/disks`.
    public var virtualHardDiskPath: String
    public var logicalProcessorCount: Int
    /// Bytes of memory the host has, and of these available now.
    public var memoryCapacity: UInt64
    public var memoryAvailable: UInt64
    /// `Type1`: VMs are partitions of a hypervisor whose parent partition runs the stack.
    public var hypervisorType: String
    /// The profile of new VMs, `Architecture`'s word.
    public var architecture: String
    /// `x86-64`.
    public var processorArchitecture: String
    /// The host processor's own name.
    public var processorName: String
    /// Clock of the first processor in megahertz, as its kernel tells; 0: it does not.
    public var processorMegahertz: Double
    /// Kernel name and release.
    public var operatingSystem: String
}

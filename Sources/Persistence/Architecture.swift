/// Where the parts of a machine run: the assembly of one and the same hypervisor, devices and services.
public enum Architecture: String, Codable, Sendable, CaseIterable {
    /// The hypervisor knows no device; services run in the parent partition's stack, as in Hyper-V.
    case microkernel = "Microkernel"
    /// Device models and back ends run inside the hypervisor, as in VMware ESXi.
    case monolithic = "Monolithic"
    /// Back ends run in processes of their own with no more privilege than they need, as in Xen with driver domains.
    case driverDomain = "DriverDomain"
    /// One process runs all machines as an application's (type 2).
    case hosted = "Hosted"
    /// A guest without enlightenments: only emulated devices, in the spirit of CP-67.
    case trapAndEmulate = "TrapAndEmulate"

    /// The guest sees the hypervisor's leaves, MSRs and devices; else it is to find nothing that a computer of metal does not have.
    public var isEnlightened: Bool { self != .trapAndEmulate }
}

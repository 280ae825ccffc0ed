import Basics

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

    /// What is not there yet of its assembly; nil: it can be used.
    public var missing: String? {
        switch self {
        case .microkernel, .monolithic, .driverDomain, .hosted, .trapAndEmulate: nil
        }
    }

    /// Throws `ArchitectureMissing` when it cannot be used.
    package func check(for target: String) throws {
        guard let missing else { return }
        throw PersistenceError(
            "ArchitectureMissing", .notImplemented, "The architecture \(rawValue) is not there yet: it needs \(missing).",
            action: "Use \(Spelling.list(Self.allCases.filter { $0.missing == nil }.map(\.rawValue), "or")).", target: target)
    }
}

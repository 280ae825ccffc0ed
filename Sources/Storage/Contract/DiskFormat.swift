/// The kinds of image files. A disk's format is fixed in the VM's configuration when it is attached; an attached disk is never probed,
/// because a guest could write another format's header into a raw disk.
public enum DiskFormat: String, Codable, Sendable, CaseIterable {
    case vhdx = "VHDX"
    case vhd = "VHD"
    case raw = "RAW"
    case iso = "ISO"
}

/// The kinds of virtual hard disks, with the real module's names.
public enum DiskKind: String, Codable, Sendable, CaseIterable {
    case fixed = "Fixed"
    case dynamic = "Dynamic"
    case differencing = "Differencing"
}

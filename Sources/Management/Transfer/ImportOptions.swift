/// How a VM is imported.
public struct ImportOptions: Sendable {
    /// Its files are copied; else they stay where they are, and are the VM's from then on.
    public var copies = false
    /// It gets an id and MAC addresses of its own.
    public var generatesNewId = false
    /// Copies of disks; nil: a folder of the VM's name in the host's folder for disks.
    public var diskDestination: String?
    /// Where the disks lie now; nil: in the export.
    public var diskSource: String?
    /// Copies of checkpoints' memory; nil: the VM's folder.
    public var memoryDestination: String?
    public init() {}
}

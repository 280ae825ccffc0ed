/// Where the files of a VM shall go.
public struct StorageDestinations: Sendable {
    /// All disks go into its folder “Virtual Hard Disks”, memory of checkpoints into “Snapshots”; nil: only what is named below goes anywhere.
    public var folder: String?
    /// Where the memory of checkpoints goes; nil: as `folder` says.
    public var snapshots: String?
    /// Images by themselves. What they stand on and what stands on them goes into the same folder.
    public var images: [(source: String, destination: String)] = []
    /// Old files of images that others stand on stay where they are.
    public var keepsParents = false
    /// Parents that the user made are deleted too when their copies are in use.
    public var removesUnmanaged = false
    public init() {}
}

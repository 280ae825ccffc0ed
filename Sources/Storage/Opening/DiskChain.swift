import Glibc

/// One open image of a chain, as it is handed to whoever will use it.
public struct DiskChainEntry: Sendable, Equatable {
    /// Open file with its lock.
    public var descriptor: Int32
    /// For messages; nobody opens it again.
    public var path: String
    public var format: DiskFormat

    public init(descriptor: Int32, path: String, format: DiskFormat) {
        (self.descriptor, self.path, self.format) = (descriptor, path, format)
    }
}

/// A disk's image and all its parents, open and locked: what a worker needs to use the disk without opening any path.
public struct DiskChain: Sendable {
    /// More images than this in one chain are refused.
    public static let greatestDepth = 64

    /// The disk's own image first, its last parent at the end.
    public let entries: [DiskChainEntry]

    /// Opens the image at `path`, exclusively unless `readOnly`, and its parents, shared and for reading.
    ///
    /// `format` is what the VM's configuration or the file's name says; nothing is probed. A parent's path inside an image is
    /// untrusted: see `ParentSearch`. A parent has its child's format.
    public static func resolve(
        path: String, format: DiskFormat, allowedParents: [String] = [], readOnly: Bool = false
    ) throws(DiskOpenError) -> DiskChain {
        try resolve(path: path, format: format, allowedParents: allowedParents, readOnly: readOnly || format == .iso, accepting: false)
    }

    /// As above; `accepting` takes a direct parent whose identifier is another one.
    static func resolve(
        path: String, format: DiskFormat, allowedParents: [String], readOnly: Bool, accepting: Bool
    ) throws(DiskOpenError) -> DiskChain {
        var files = [try HostDiskFile.open(path: path, readOnly: readOnly)]
        var chain: Set<HostDiskFile.Identity> = [try files[0].identity()]
        while let reference = try ParentReference.of(files[files.count - 1], format: format) {
            guard files.count < greatestDepth else {
                throw DiskOpenError(
                    .chainTooLong, "“\(path)” has more than \(greatestDepth - 1) parents.", file: path, action: "Merge some of them.")
            }
            let search = ParentSearch(
                childPath: files[files.count - 1].name, format: format, allowedParents: allowedParents, chain: chain)
            let parent = try search.open(reference, acceptingOtherIdentifier: accepting && files.count == 1)
            chain.insert(try parent.identity())
            files.append(parent)
        }
        return DiskChain(entries: files.map { DiskChainEntry(descriptor: $0.releaseDescriptor(), path: $0.name, format: format) })
    }

    /// The disk, used in this process; it owns the descriptors from now on.
    public func disk(readOnly: Bool = false) throws(DiskOpenError) -> any Disk {
        try VirtualDisk.open(entries, readOnly: readOnly)
    }

    /// Closes this process's descriptors. Who received them keeps the locks.
    public func close() {
        for entry in entries { _ = Glibc.close(entry.descriptor) }
    }
}

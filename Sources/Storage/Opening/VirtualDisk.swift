import Glibc

/// Makes disks of open images.
public enum VirtualDisk {
    /// The disk of a chain, its own image first. Opens no path; the formats are taken as given. Owns the descriptors from the call on:
    /// they are closed by the disk's `close`, or at once when this fails.
    public static func open(_ chain: [DiskChainEntry], readOnly: Bool) throws(DiskOpenError) -> any Disk {
        let files = chain.enumerated().map { position, entry in
            // A descriptor that was opened for reading cannot become writable by a wrong word here.
            HostDiskFile(
                descriptor: entry.descriptor, name: entry.path,
                isReadOnly: readOnly || position > 0 || fcntl(entry.descriptor, F_GETFL) & O_ACCMODE == O_RDONLY)
        }
        guard !files.isEmpty, files.count <= DiskChain.greatestDepth else {
            throw DiskOpenError(.chainTooLong, "A disk has 1 to \(DiskChain.greatestDepth) images, not \(files.count).")
        }
        var disk: (any Disk)?
        for (file, entry) in zip(files, chain).reversed() {
            disk = try open(file, entry.format, parent: disk, readOnly: file.isReadOnly)
        }
        guard let disk else { throw DiskOpenError(.failed, "A disk has at least one image.") }
        return disk
    }

    /// One image on an open parent. `accepting` takes a parent whose identifier is another one.
    static func open(
        _ file: any DiskFile, _ format: DiskFormat, parent: (any Disk)?, readOnly: Bool, accepting: Bool = false
    ) throws(DiskOpenError) -> any Disk {
        do throws(DiskFormatError) {
            switch format {
            case .vhd:
                return try VHDImage(file: file, parent: parent, readOnly: readOnly, parentRule: accepting ? .ignoringIdentifier : .verified)
            case .vhdx:
                return try VHDXImage(
                    file: file, parent: parent, readOnly: readOnly, parentRule: accepting ? .ignoringIdentifier : .verified)
            case .raw, .iso: break
            }
        } catch {
            throw DiskOpenError(error)
        }
        guard parent == nil else {
            throw DiskOpenError(.parentMismatch, "“\(file.name)” is a \(format.rawValue) image and cannot have a parent.", file: file.name)
        }
        return format == .iso ? try FlatDisk.iso(file) : try FlatDisk.raw(file, readOnly: readOnly)
    }
}

import Basics
import Glibc

extension DiskOperations {
    /// Names another file as the parent of a differencing disk. It must be the disk the child was made from, unless
    /// `ignoringIdentifier`, which takes any of the same format and sectors.
    public func setParent(_ path: String, to parentPath: String, ignoringIdentifier: Bool = false) throws {
        let format = try format(of: path)
        guard DiskFormat.of(fileName: parentPath) == format else {
            throw DiskOperationError(
                .nameInvalid, "“\(path)” and its parent “\(parentPath)” must be of the same format.", file: parentPath)
        }
        // The parent's own chain, so that the child will open.
        let chain = try DiskChain.resolve(path: parentPath, format: format, allowedParents: allowedParents, readOnly: true)
        var (child, other) = (stat(), stat())
        let isLoop = chain.entries.contains {
            stat(path, &child) == 0 && fstat($0.descriptor, &other) == 0 && child.st_ino == other.st_ino && child.st_dev == other.st_dev
        }
        let parent = try chain.disk(readOnly: true)
        defer { try? parent.close() }
        if isLoop { throw DiskOpenError(.chainLoop, "“\(path)” would become its own parent.", file: path) }
        guard let parentImage = parent as? any DiskImage else { return }
        try withDetachedImage(path, readOnly: false) { image in
            guard image.kind == .differencing else {
                throw DiskOperationError(.notSupported, "“\(path)” is not a differencing disk and has no parent.", file: path)
            }
            guard image.logicalSectorSize == parent.logicalSectorSize else {
                throw DiskOpenError(.parentMismatch, "“\(parentPath)” has sectors of another size than “\(path)”.", file: path)
            }
            guard ignoringIdentifier || parentImage.linkIdentifier == image.recordedParentIdentifier else {
                throw DiskOpenError(
                    .parentMismatch, "“\(parentPath)” is not the disk that “\(path)” was made from, or was changed since.", file: path,
                    action: "If you know better, add -IgnoreIdMismatch.")
            }
            try image.setParent(parentImage.linkIdentifier, ParentPaths(parent: parentPath, child: path))
        }
    }

    /// Gives the disk a new identifier. Differencing disks made from a VHD no longer find it as their parent.
    public func resetIdentifier(_ path: String) throws {
        try withDetachedImage(path, readOnly: false) { try $0.setDiskIdentifier(GUID()) }
    }

    /// Changes the physical sector size that a VHDX reports: 512 or 4096 bytes.
    public func setPhysicalSectorSize(_ path: String, to size: Int) throws {
        try withDetachedImage(path, readOnly: false) { try $0.setPhysicalSectorSize(size) }
    }
}

import Basics
import Glibc

extension DiskOperations {
    /// Copies the content of `source` into a new image, whose name says its format; only what is not zero takes room. `kind` nil:
    /// the source's, and dynamic for a differencing one. qcow2 and VMDK images are read with `qemu-img`. A differencing destination holds what differs from `parentPath`.
    public func convert(
        _ source: String, to destination: String, kind: DiskKind? = nil, blockSize: UInt32? = nil, parentPath: String? = nil,
        deletingSource: Bool = false
    ) throws {
        if let foreign = ForeignImage(source) {
            _ = try format(of: destination, among: [.vhd, .vhdx, .raw])
            return try convert(
                foreign, to: destination, kind: kind, blockSize: blockSize, parentPath: parentPath, deletingSource: deletingSource)
        }
        let sourceFormat = try format(of: source, among: [.vhd, .vhdx, .raw])
        let format = try format(of: destination, among: [.vhd, .vhdx, .raw])
        guard (kind == .differencing) == (parentPath != nil) else {
            throw DiskOperationError(
                .notSupported, "A differencing disk, and no other, is converted with a parent's path.", file: destination)
        }
        // Without -DeleteSource a disk may be read by others meanwhile, but not written.
        try withDisk(source, sourceFormat, readOnly: !deletingSource) { disk in
            guard disk.logicalSectorSize == 512 || format == .vhdx else {
                throw DiskOperationError(
                    .notSupported, "“\(source)” has sectors of \(disk.logicalSectorSize) bytes, which only VHDX can have.", file: source)
            }
            var specification = DiskSpecification(path: destination, kind: kind ?? Self.kind(of: disk), size: disk.size)
            specification.blockSize = blockSize
            if format == .vhdx {
                specification.logicalSectorSize = disk.logicalSectorSize
                if sourceFormat == .vhdx { specification.physicalSectorSize = disk.physicalSectorSize }
            }
            let new = try NewImageFile(destination)
            if let parentPath {
                try writeDifference(of: disk, from: parentPath, specification, format, to: new)
            } else {
                try Self.write(specification, format, disk.size, nil, to: new.file)
                try writeContent(of: disk, format, to: new)
            }
            try new.finish()
        }
        if deletingSource {
            unlink(source)
            ImageFolder.synchronise(of: source)
        }
    }

    private static func kind(of disk: any Disk) -> DiskKind {
        guard let image = disk as? any DiskImage else { return .dynamic }
        return image.kind == .differencing ? .dynamic : image.kind
    }

    private func writeContent(of disk: any Disk, _ format: DiskFormat, to new: NewImageFile) throws {
        let target = try VirtualDisk.open([try copied(new, format)], readOnly: false)
        try DiskCopy(progress: progress).copyContent(of: disk, to: target, file: new.file.name)
        try target.close()
    }

    /// Writes the pieces in which `disk` differs from the parent.
    private func writeDifference(
        of disk: any Disk, from parentPath: String, _ specification: DiskSpecification, _ format: DiskFormat, to new: NewImageFile
    ) throws {
        guard DiskFormat.of(fileName: parentPath) == format, format != .raw else {
            throw DiskOperationError(
                .nameInvalid, "“\(specification.path)” and its parent “\(parentPath)” must both be VHD or both VHDX.", file: parentPath)
        }
        let parentChain = try DiskChain.resolve(path: parentPath, format: format, allowedParents: allowedParents, readOnly: true)
        let parent = try parentChain.disk(readOnly: true)
        defer { try? parent.close() }
        guard let image = parent as? any DiskImage, parent.logicalSectorSize == disk.logicalSectorSize else {
            throw DiskOperationError(.notSupported, "“\(parentPath)” has other sectors than the disk to convert.", file: parentPath)
        }
        let link = (identifier: image.linkIdentifier, paths: ParentPaths(parent: parentPath, child: specification.path))
        try Self.write(specification, format, disk.size, link, to: new.file)
        let target = try Self.detachedImage(new.file.duplicate(), format)
        let piece = 64 << 10
        var position: UInt64 = 0
        while position < disk.size {
            guard progress(Double(position) / Double(disk.size)) else { throw DiskOperationError.stopped(specification.path) }
            let count = Int(min(UInt64(piece), disk.size - position))
            let content = try disk.bytes(at: position, count: count)
            let below = position < parent.size ? Int(min(UInt64(count), parent.size - position)) : 0
            let old = try parent.bytes(at: position, count: below) + [UInt8](repeating: 0, count: count - below)
            if content != old { try target.write(bytes: content, at: position) }
            position += UInt64(count)
        }
        try target.close()
    }

    /// The new file once more, for a disk that closes what it was given.
    private func copied(_ new: NewImageFile, _ format: DiskFormat) throws -> DiskChainEntry {
        DiskChainEntry(descriptor: try new.file.duplicate().releaseDescriptor(), path: new.file.name, format: format)
    }
}

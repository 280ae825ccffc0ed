import Basics

/// What New-VHD makes.
public struct DiskSpecification: Sendable {
    public var path: String
    public var kind: DiskKind
    /// Bytes; nil: the parent's.
    public var size: UInt64?
    /// Bytes; nil: the format's usual.
    public var blockSize: UInt32?
    public var logicalSectorSize: Int?
    public var physicalSectorSize: Int?
    /// Exactly for differencing disks.
    public var parentPath: String?
    /// nil: a random one.
    var identifier: GUID?

    public init(path: String, kind: DiskKind, size: UInt64? = nil) { (self.path, self.kind, self.size) = (path, kind, size) }
}

extension DiskOperations {
    /// The smallest disk that can be made.
    public static let smallestSize: UInt64 = 3 << 20

    /// Makes an empty disk. A fixed one gets all its room at once.
    public func create(_ specification: DiskSpecification) throws {
        let format = try format(of: specification.path)
        var specification = specification
        var parent: (identifier: GUID, paths: ParentPaths)?
        if let parentPath = specification.parentPath {
            guard DiskFormat.of(fileName: parentPath) == format else {
                throw DiskOperationError(
                    .nameInvalid, "“\(specification.path)” and its parent “\(parentPath)” must be of the same format.", file: parentPath)
            }
            // Opening the whole chain shows that the child will open too.
            let (identifier, size, sectors) = try withDisk(parentPath, format, readOnly: true) { disk in
                ((disk as? any DiskImage)?.linkIdentifier, disk.size, (disk.logicalSectorSize, disk.physicalSectorSize))
            }
            guard let identifier else { return }
            parent = (identifier, ParentPaths(parent: parentPath, child: specification.path))
            if let wanted = specification.size, wanted < size {
                throw DiskOperationError(
                    .sizeInvalid,
                    "A differencing disk is at least as large as its parent, which has \(size) bytes; \(wanted) bytes is not possible.",
                    file: specification.path, action: "Leave the size out to have the parent's.")
            }
            specification.size = specification.size ?? size
            specification.logicalSectorSize = sectors.0
            specification.physicalSectorSize = specification.physicalSectorSize ?? sectors.1
        }
        guard let size = specification.size else {
            throw DiskOperationError(.sizeInvalid, "A new disk needs a size.", file: specification.path)
        }
        let sector = UInt64(specification.logicalSectorSize ?? 512)
        guard size >= Self.smallestSize, size % sector == 0 else {
            throw DiskOperationError(
                .sizeInvalid, "A disk has at least 3 MB and whole sectors of \(sector) bytes; \(size) bytes is not possible.",
                file: specification.path)
        }
        let new = try NewImageFile(specification.path)
        try Self.write(specification, format, size, parent, to: new.file)
        try new.finish()
    }

    /// Writes an empty image into `file`, which has no name yet that anybody would take for an image; the caller brings it to stable
    /// storage before it gets one.
    static func write(
        _ specification: DiskSpecification, _ format: DiskFormat, _ size: UInt64, _ parent: (identifier: GUID, paths: ParentPaths)?,
        to file: any DiskFile
    ) throws {
        switch format {
        case .vhd:
            guard (specification.logicalSectorSize ?? 512, specification.physicalSectorSize ?? 512) == (512, 512) else {
                throw DiskOperationError(
                    .notSupported, "A VHD always has sectors of 512 bytes.", file: specification.path, action: "Name it .vhdx.")
            }
            var options = VHDOptions(size: size, kind: specification.kind)
            options.diskIdentifier = specification.identifier
            options.blockSize = specification.kind == .fixed ? nil : specification.blockSize
            options.parent = parent.map {
                VHDParentLink(identifier: $0.identifier, relativePath: $0.paths.relative, absolutePath: $0.paths.absolute)
            }
            try VHDImage.create(on: file, options)
        case .vhdx:
            var options = VHDXOptions(size: size, kind: specification.kind)
            options.diskIdentifier = specification.identifier
            options.blockSize = specification.blockSize
            options.logicalSectorSize = specification.logicalSectorSize ?? 512
            options.physicalSectorSize = specification.physicalSectorSize ?? 4096
            options.parent = parent.map {
                VHDXParentLink(linkage: $0.identifier, relativePath: $0.paths.relative, absolutePath: $0.paths.absolute)
            }
            try VHDXImage.create(on: file, options, isUnnamed: true)
        case .raw:
            if specification.kind == .fixed { try file.allocate(at: 0, count: size) }
            try file.truncate(to: size)
        case .iso: throw DiskOperationError(.notSupported, "ISO images are not made here.", file: specification.path)
        }
    }
}

extension DiskOperations {
    /// Bytes of a floppy disk of 80 cylinders, two heads and 18 sectors.
    static let floppySize: UInt64 = 80 * 2 * 18 * 512

    /// Makes an empty floppy disk's image; what is there already is an error.
    public func createFloppy(_ path: String) throws {
        let new = try NewImageFile(path)
        try new.file.truncate(to: Self.floppySize)
        try new.finish()
    }
}

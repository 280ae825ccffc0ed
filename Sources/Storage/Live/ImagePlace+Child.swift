import Basics

/// What a new differencing image must know of the image below it.
struct ChildSpecification {
    var format: DiskFormat
    var size: UInt64
    var logicalSectorSize: Int
    var physicalSectorSize: Int
    var link: GUID
    /// The identity that a guest sees stays with a VHDX; a VHD's is what children know it by and must be its own.
    var identifier: GUID?

    /// Precondition: the parent is flushed, and its link identifier does not change any more.
    init(above parent: any Disk, file: String) throws(DiskOperationError) {
        guard let image = parent as? any DiskImage else {
            throw DiskOperationError(
                .notSupported, "“\(file)” is a raw disk, which cannot be checkpointed: only VHDX and VHD have differencing disks.",
                file: file, action: "Convert-VHD makes a VHDX of it.")
        }
        format = image is VHDImage ? .vhd : .vhdx
        (size, logicalSectorSize, physicalSectorSize) = (image.size, image.logicalSectorSize, image.physicalSectorSize)
        (link, identifier) = (image.linkIdentifier, image is VHDImage ? nil : image.diskIdentifier)
    }

    /// Writes the empty image into `file`.
    func write(to file: any DiskFile, at path: String, parentPath: String) throws {
        var specification = DiskSpecification(path: path, kind: .differencing, size: size)
        (specification.logicalSectorSize, specification.physicalSectorSize) = (logicalSectorSize, physicalSectorSize)
        specification.identifier = identifier
        try DiskOperations.write(specification, format, size, (link, ParentPaths(parent: parentPath, child: path)), to: file)
    }
}

extension ImagePlace {
    /// Where a checkpoint's differencing image for the image here belongs: `NAME_<GUID>.avhdx` in the same folder, with one GUID however
    /// long the chain is.
    public func differencingPlace(_ format: DiskFormat, _ identifier: GUID = GUID()) throws(DiskOpenError) -> ImagePlace {
        var stem = Substring(name)
        if let dot = stem.lastIndex(of: "."), dot != stem.startIndex { stem = stem[..<dot] }
        if let line = stem.lastIndex(of: "_"), line != stem.startIndex, GUID(stem[stem.index(after: line)...]) != nil {
            stem = stem[..<line]
        }
        let end = "_\(identifier.description.uppercased()).\(format == .vhd ? "avhd" : "avhdx")"
        // File names end at 255 bytes.
        while stem.utf8.count + end.utf8.count + ".partial-1234567".utf8.count > 255 { stem.removeLast() }
        return try neighbour(stem + end)
    }

    /// Makes a differencing image on `parent`, an open VHDX or VHD at `parentPath`, and gives its file, open with a writer's lock. The image
    /// has a temporary name until it is whole and on stable storage. Precondition: the parent is flushed and nobody writes it.
    public func createChild(of parent: any Disk, at parentPath: String) throws -> HostDiskFile {
        let specification = try ChildSpecification(above: parent, file: parentPath)
        let new = try NewImageFile(self)
        try specification.write(to: new.file, at: path, parentPath: parentPath)
        return HostDiskFile(descriptor: try new.finishOpen(), name: path, isReadOnly: false)
    }
}

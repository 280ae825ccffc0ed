import Basics

/// What a differencing image says about its parent: which disk it must be, and where it may lie. The paths are untrusted.
struct ParentReference: Equatable {
    /// VHD: the parent's identifier; VHDX: its data write identifier.
    var identifier: GUID
    /// One more that is right too, while the parent is merged into.
    var otherIdentifier: GUID?
    /// As they stand in the image with `/` between the parts, relative ones first.
    var paths: [String]

    func names(_ found: GUID?) -> Bool { found == identifier || found != nil && found == otherIdentifier }

    /// What `file`, which must be of this format, says; nil: it has no parent.
    static func of(_ file: any DiskFile, format: DiskFormat) throws(DiskOpenError) -> ParentReference? {
        if format == .raw { _ = try FlatDisk.raw(file, readOnly: true) }
        if format == .iso { _ = try FlatDisk.iso(file) }
        do throws(DiskFormatError) {
            switch format {
            case .raw, .iso: return nil
            case .vhd:
                guard let link = try VHDInformation(file: file).parentLink else { return nil }
                return ParentReference(identifier: link.identifier, paths: [link.relativePath, link.absolutePath].compactMap(\.self))
            case .vhdx:
                let metadata = try VHDXOpening(file, readOnly: true).metadata
                guard metadata.hasParent, let link = metadata.parentLink else { return nil }
                return ParentReference(
                    identifier: link.linkage, otherIdentifier: link.otherLinkage,
                    paths: [link.relativePath, link.absolutePath].compactMap(\.self))
            }
        } catch {
            throw DiskOpenError(error)
        }
    }

    /// The identifier by which children know the image in `file`; nil: such images cannot be parents.
    static func identifier(of file: any DiskFile, format: DiskFormat) throws(DiskOpenError) -> GUID? {
        do throws(DiskFormatError) {
            switch format {
            case .raw, .iso: return nil
            case .vhd: return try VHDInformation(file: file).diskIdentifier
            case .vhdx: return try VHDXOpening(file, readOnly: true).header.current.dataWriteGUID
            }
        } catch {
            throw DiskOpenError(error)
        }
    }
}

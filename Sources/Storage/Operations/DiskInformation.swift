import Basics

/// What Get-VHD shows of an image.
public struct DiskInformation: Sendable, Equatable {
    /// As it was given.
    public var path: String
    public var format: DiskFormat
    public var kind: DiskKind
    /// Bytes of the host's disk that the file takes.
    public var fileSize: UInt64
    /// Bytes.
    public var size: UInt64
    /// Bytes, by the disk's partition table; nil: there is none, or a parent could not be read.
    public var minimumSize: UInt64?
    public var logicalSectorSize: Int
    public var physicalSectorSize: Int
    /// Bytes; 0 where there are no blocks.
    public var blockSize: UInt32
    /// Where the image says that its parent is; nil: it has none.
    public var parentPath: String?
    public var diskIdentifier: GUID?
    /// nil: such images cannot be fragmented.
    public var fragmentationPercentage: Int?
    /// Blocks' sectors begin on pages of 4096 bytes.
    public var isAligned: Bool
    /// A running VM, or an operation, has it open for writing.
    public var isAttached: Bool
}

extension DiskOperations {
    /// What the image says of itself. Its parents are not needed; one that is in use for writing is described as far as that is safe.
    public func information(_ path: String) throws -> DiskInformation {
        let format = try format(of: path, among: DiskFormat.allCases)
        let (file, isAttached) = try HostDiskFile.openToLookAt(path: path)
        defer { file.close() }
        var information = try Self.information(file, path, format)
        information.isAttached = isAttached
        // Reading partitions needs the content, and so the locks of the whole chain.
        if !isAttached, format != .iso {
            information.minimumSize = try? withDisk(path, format, readOnly: true) { try PartitionTable(of: $0)?.minimumSize }
        }
        return information
    }

    private static func information(_ file: HostDiskFile, _ path: String, _ format: DiskFormat) throws -> DiskInformation {
        var information = DiskInformation(
            path: path, format: format, kind: .fixed, fileSize: try file.allocatedSize(), size: 0, logicalSectorSize: 512,
            physicalSectorSize: 512, blockSize: 0, isAligned: true, isAttached: false)
        do throws(DiskFormatError) {
            switch format {
            case .vhd:
                let found = try VHDInformation(file: file)
                (information.kind, information.size, information.blockSize) = (found.kind, found.size, found.blockSize)
                (information.diskIdentifier, information.isAligned) = (found.diskIdentifier, found.isAligned)
                if found.kind != .fixed { information.fragmentationPercentage = found.fragmentationPercentage }
                if let link = found.parentLink { information.parentPath = shown(link.relativePath, link.absolutePath, path) }
                return information
            case .vhdx:
                let found = try VHDXInformation(file: file)
                (information.kind, information.size, information.blockSize) = (found.kind, found.size, found.blockSize)
                (information.diskIdentifier, information.isAligned) = (found.diskIdentifier, found.isAligned)
                (information.logicalSectorSize, information.physicalSectorSize) = (found.logicalSectorSize, found.physicalSectorSize)
                if found.kind != .fixed { information.fragmentationPercentage = found.fragmentationPercentage }
                if let link = found.parentLink { information.parentPath = shown(link.relativePath, link.absolutePath, path) }
                return information
            case .raw, .iso: break
            }
        } catch {
            throw DiskOpenError(error)
        }
        let disk = format == .raw ? try FlatDisk.raw(file, readOnly: true) : try FlatDisk.iso(file)
        (information.size, information.logicalSectorSize) = (disk.size, disk.logicalSectorSize)
        information.physicalSectorSize = disk.physicalSectorSize
        return information
    }

    /// The path that is tried first, made absolute; a file's own words otherwise.
    private static func shown(_ relative: String?, _ absolute: String?, _ child: String) -> String {
        guard let relative else { return absolute ?? "" }
        return ParentSearch.normalised(relative.hasPrefix("/") ? relative : FilePath.folder(of: child) + "/" + relative)
    }
}

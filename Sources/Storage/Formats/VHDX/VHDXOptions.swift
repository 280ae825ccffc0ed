import Basics

/// What a new VHDX shall be.
public struct VHDXOptions: Sendable {
    /// Bytes; a multiple of the logical sector size, at most 64 TiB.
    public var size: UInt64
    public var kind: DiskKind
    /// Bytes, a power of two between 1 and 256 MiB; nil: 32 MiB, for differencing disks 2 MiB.
    public var blockSize: UInt32?
    /// 512 or 4096 bytes.
    public var logicalSectorSize = 512
    /// 512 or 4096 bytes.
    public var physicalSectorSize = 4096
    /// For a differencing disk, and only for one.
    public var parent: VHDXParentLink?
    /// Nil: a random one.
    public var diskIdentifier: GUID?

    public init(size: UInt64, kind: DiskKind) { (self.size, self.kind) = (size, kind) }

    var chosenBlockSize: UInt64 { UInt64(blockSize ?? (kind == .differencing ? 2 << 20 : 32 << 20)) }

    /// Throws when the format cannot do it.
    func check(_ file: any DiskFile) throws(DiskFormatError) {
        func invalid(_ what: String) -> DiskFormatError { DiskFormatError(.invalidOption, what, file: file.name) }
        guard [512, 4096].contains(logicalSectorSize), [512, 4096].contains(physicalSectorSize) else {
            throw invalid("A VHDX has sectors of 512 or 4096 bytes.")
        }
        guard chosenBlockSize.nonzeroBitCount == 1, chosenBlockSize >= VHDXLayout.minimumBlockSize,
            chosenBlockSize <= VHDXLayout.maximumBlockSize
        else { throw invalid("The block size of a VHDX is a power of two between 1 MiB and 256 MiB, not \(chosenBlockSize) bytes.") }
        guard size > 0, size <= VHDXLayout.maximumDiskSize else {
            throw invalid("The size of a VHDX lies between one sector and 64 TiB, not \(size) bytes.")
        }
        guard size % UInt64(logicalSectorSize) == 0 else {
            throw invalid("The size of the disk, \(size) bytes, is not a multiple of its sectors of \(logicalSectorSize) bytes.")
        }
        guard (kind == .differencing) == (parent != nil) else {
            throw invalid(parent == nil ? "A differencing disk needs a parent." : "Only a differencing disk has a parent.")
        }
    }
}

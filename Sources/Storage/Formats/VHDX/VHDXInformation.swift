import Basics

/// What a VHDX file says about itself, without opening it for use: its parent is not needed, a log that was left is replayed in memory.
public struct VHDXInformation: Sendable {
    public let kind: DiskKind
    /// Of the disk, in bytes.
    public let size: UInt64
    /// End of the last block that has content, in whole sectors: a shrink to less would lose data. Knows nothing of partitions.
    public let minimumSize: UInt64
    /// Bytes.
    public let blockSize: UInt32
    public let logicalSectorSize: Int
    public let physicalSectorSize: Int
    public let diskIdentifier: GUID
    public let dataWriteGUID: GUID
    public let parentLink: VHDXParentLink?
    /// The last user did not close the image.
    public let isLogDirty: Bool
    /// Length of the file in bytes.
    public let fileSize: UInt64
    /// Blocks that do not follow their predecessor in the file, of 100.
    public let fragmentationPercentage: Int
    /// All blocks begin at a physical sector's start; MiB places always do.
    public let isAligned: Bool

    /// Reads `file` and leaves it open.
    public init(file: any DiskFile) throws(DiskFormatError) {
        let opened = try VHDXOpening(file, readOnly: true)
        let metadata = opened.metadata
        kind = metadata.kind
        size = metadata.diskSize
        blockSize = UInt32(metadata.blockSize)
        (logicalSectorSize, physicalSectorSize) = (metadata.logicalSectorSize, metadata.physicalSectorSize)
        diskIdentifier = metadata.diskIdentifier
        dataWriteGUID = opened.header.current.dataWriteGUID
        parentLink = metadata.parentLink
        isLogDirty = opened.wasDirty
        fileSize = try file.formatSize()
        isAligned = true

        var last: (block: Int, place: UInt64)?
        var (neighbours, breaks) = (0, 0)
        for block in 0..<opened.geometry.blocks(in: metadata.diskSize) {
            let index = opened.geometry.index(block)
            guard opened.table[index] != 0, let state = opened.table.state(index), state == .present || state == .partial else { continue }
            let place = opened.table.place(index)
            if let last {
                neighbours += 1
                if place != last.place + metadata.blockSize { breaks += 1 }
            }
            last = (block, place)
        }
        fragmentationPercentage = neighbours == 0 ? 0 : breaks * 100 / neighbours
        minimumSize =
            last.map { min(metadata.diskSize, UInt64($0.block + 1) << opened.geometry.blockShift) } ?? UInt64(metadata.logicalSectorSize)
    }
}

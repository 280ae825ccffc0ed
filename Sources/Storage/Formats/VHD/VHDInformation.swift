import Basics

/// What a VHD's structures say; read without its parent.
public struct VHDInformation: Sendable {
    public var kind: DiskKind
    /// Bytes.
    public var size: UInt64
    /// Bytes of a block; 0: a fixed disk.
    public var blockSize: UInt32
    public var diskIdentifier: GUID
    public var parentLink: VHDParentLink?
    /// Bytes.
    public var fileSize: UInt64
    /// How many of the blocks with a place do not follow the block before them.
    public var fragmentationPercentage: Int
    /// Blocks' sectors begin on pages of 4096 bytes.
    public var isAligned: Bool

    public init(file: any DiskFile) throws(DiskFormatError) {
        let layout = try VHDLayout(file)
        (kind, size, diskIdentifier) = (layout.footer.kind, layout.footer.size, layout.footer.identifier)
        (blockSize, parentLink, fileSize) = (layout.header?.blockSize ?? 0, layout.parentLink, layout.fileSize)
        guard let header = layout.header else {
            (fragmentationPercentage, isAligned) = (0, true)
            return
        }
        let places = layout.table.filter { $0 != VHDLayout.unused }.map { UInt64($0) * 512 }
        let jumps = zip(places, places.dropFirst()).count {
            VHDImage.aligned($0 + header.blockBytes, header) != $1 && $0 + header.blockBytes != $1
        }
        fragmentationPercentage = places.count < 2 ? 0 : jumps * 100 / (places.count - 1)
        isAligned = places.allSatisfy { ($0 + header.bitmapBytes) % 4096 == 0 }
    }
}

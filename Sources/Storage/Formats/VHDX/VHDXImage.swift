import Basics
import Glibc

/// What opening asks of a differencing disk's parent.
public enum VHDXParentRule: Sendable {
    /// It is a VHDX whose `dataWriteGUID` is the one that the child names.
    case verified
    /// Any VHDX with the same sectors: `Set-VHD -IgnoreIdMismatch`.
    case ignoringIdentifier
    /// None is given; only the image's own properties and blocks can be used.
    case detached
}

/// A VHDX file as a disk (MS-VHDX): fixed, dynamic and differencing.
///
/// Order on stable storage. The block table and the sector bitmaps change in memory first. A commit synchronises the data, writes the
/// changed table pages to the log, synchronises, and only then writes them in place; the next commit's first synchronisation makes that
/// durable before the log entry is replaced. Room that a commit has freed is used again only after it. So a power cut at any write
/// leaves a file whose log, replayed, gives the tables of the last finished commit and the data that they speak of.
///
/// Safe to send: one thread at a time uses a disk (`Disk`).
public final class VHDXImage: Disk, @unchecked Sendable {
    let file: any DiskFile
    /// Changes when an image between is merged away.
    var parent: (any Disk)?
    public private(set) var isReadOnly: Bool
    var header: VHDXHeaderPair
    var regions: VHDXRegionTable
    var metadata: VHDXMetadata
    let geometry: VHDXGeometry
    var table: VHDXBlockTable
    let bitmaps = VHDXSectorBitmaps()
    var room = VHDXRoom()
    var log: VHDXLogWriter
    let slicer = SegmentSlicer()
    /// Cuts what the slicer has cut already, at the parent's end.
    let parentSlicer = SegmentSlicer()

    /// Table pages that differ from the file, in the order in which they changed. Even: page of the block table; odd: page of a sector
    /// bitmap; the number is in the upper bits.
    var dirtyPages: [Int] = []
    /// Which pages of the block table are among them.
    var isTablePageDirty: [Bool]
    /// Room of blocks that are gone in memory but not yet on stable storage.
    var freedRuns: [Range<Int>] = []
    /// Something was written since the last synchronisation.
    var isUnsynchronised = false
    /// The headers say that this image is being changed.
    var hasBegun = false
    /// The `dataWriteGUID` that the first change of the content gives; nil: a random one.
    var nextDataWriteGUID: GUID?
    var isClosed = false
    /// Length of the file in MiB, rounded up.
    var fileUnits: Int
    /// Free units from here on were made by us and read as zeros.
    var cleanUnit: Int
    /// Whether the file system gives zeros where a hole was punched; nil until it was tried.
    var punchesHoles: Bool?

    public private(set) var size: UInt64
    public let logicalSectorSize: Int
    public var physicalSectorSize: Int { metadata.physicalSectorSize }
    public var identifier: [UInt8]? { metadata.diskIdentifier.bytes }
    public var diskIdentifier: GUID { metadata.diskIdentifier }
    /// A fixed disk keeps its room.
    public var canDiscard: Bool { !isReadOnly && !metadata.isFixed }
    public var kind: DiskKind { metadata.kind }
    /// Bytes.
    public var blockSize: UInt32 { UInt32(geometry.blockSize) }
    /// Changes when the content first changes after opening.
    public var dataWriteGUID: GUID { header.current.dataWriteGUID }
    public var parentLink: VHDXParentLink? { metadata.parentLink }

    /// Opens an image; a log that was left is replayed, in memory when `readOnly` (or when the file is). From success on the image owns
    /// `file` and `parent` and closes them with itself; after a failure they are the caller's.
    public init(
        file: any DiskFile, parent: (any Disk)? = nil, readOnly: Bool = false, parentRule: VHDXParentRule = .verified
    ) throws(DiskFormatError) {
        let opened = try VHDXOpening(file, readOnly: readOnly || file.isReadOnly)
        let metadata = opened.metadata
        try Self.check(parent, parentRule, for: metadata, file)
        self.file = opened.file
        self.parent = parent
        isReadOnly = readOnly || file.isReadOnly
        (header, regions, self.metadata, table, room, geometry) =
            (opened.header, opened.regions, metadata, opened.table, opened.room, opened.geometry)
        let logStart = opened.header.current.logOffset
        log = VHDXLogWriter(range: logStart..<logStart + UInt64(opened.header.current.logLength))
        isTablePageDirty = [Bool](repeating: false, count: opened.table.capacity / VHDXBlockTable.entriesPerPage)
        fileUnits = Int(VHDXLayout.roundUp(opened.size, to: VHDXLayout.unit) >> VHDXLayout.unitShift)
        cleanUnit = fileUnits
        size = metadata.diskSize
        logicalSectorSize = metadata.logicalSectorSize
    }

    deinit {
        if !isClosed { file.close() }
    }

    /// Ends writing, for an image that gets a child. Precondition: flushed.
    func freeze() { isReadOnly = true }

    func setSize(_ size: UInt64) { (self.size, metadata.diskSize) = (size, size) }

    private static func check(
        _ parent: (any Disk)?, _ rule: VHDXParentRule, for metadata: VHDXMetadata, _ file: any DiskFile
    ) throws(DiskFormatError) {
        guard metadata.hasParent, let link = metadata.parentLink, rule != .detached else { return }
        guard let parent else {
            throw DiskFormatError(
                .parentMissing, "“\(file.name)” is a differencing disk and its parent is not there.", file: file.name,
                action: "Name the parent with Set-VHD -ParentPath.")
        }
        guard let image = parent as? VHDXImage, parent.logicalSectorSize == metadata.logicalSectorSize else {
            throw DiskFormatError(
                .parentMismatch, "The parent of “\(file.name)” must be a VHDX with sectors of \(metadata.logicalSectorSize) bytes.",
                file: file.name)
        }
        guard rule == .ignoringIdentifier || link.names(image.dataWriteGUID) else {
            throw DiskFormatError(
                .parentMismatch,
                "the parent “\(image.file.name)” of “\(file.name)” is another disk or was changed since the child was made",
                file: file.name,
                action: "Give the right parent; Set-VHD -ParentPath -IgnoreIdMismatch if you know that it is the right one.")
        }
    }

    // MARK: Requests

    /// The request's length after checking it against the disk.
    func checkedCount(_ segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> UInt64 {
        guard let count = SegmentSlicer.count(segments) else { throw outOfRange }
        try check(offset, count)
        return count
    }

    func check(_ offset: UInt64, _ count: UInt64) throws(DiskError) {
        guard !isClosed else { throw DiskError(.closed, "“\(file.name)” is closed", file: file.name) }
        let mask = UInt64(logicalSectorSize) - 1
        guard offset <= size, count <= size - offset, offset & mask == 0, count & mask == 0 else { throw outOfRange }
    }

    func checkWritable() throws(DiskError) {
        guard !isReadOnly else { throw DiskError(.readOnly, "“\(file.name)” is open for reading only.", file: file.name) }
    }

    private var outOfRange: DiskError {
        DiskError(.outOfRange, "the range is not made of whole sectors of the disk “\(file.name)”", file: file.name)
    }
}

import Basics
import Glibc

/// An open VHD: fixed, dynamic or differencing.
///
/// What a power cut leaves: a block's place in the table, and a differencing disk's bits, are written only after the data they speak
/// of is on stable storage, by `flush`. A cut before leaves the old table and with it the old content; at worst some room in the file
/// belongs to nobody. The footer's copy at the beginning stands still while the last footer moves behind new blocks.
public final class VHDImage: MappedDisk, @unchecked Sendable {
    // Safety: one thread at a time uses a disk.
    let file: any DiskFile
    /// Changes when an image between is merged away.
    var parent: (any Disk)?
    public private(set) var isReadOnly: Bool
    var footer: VHDFooter
    var header: VHDDynamicHeader?
    var table: [UInt32]
    public internal(set) var parentLink: VHDParentLink?
    /// Where the last footer stands.
    var footerOffset: UInt64
    /// Entries that are not in the file yet.
    var changedEntries: Set<Int> = []
    /// Bitmaps that were needed, by block.
    var bitmaps: [Int: SectorBitmap] = [:]
    var changedBitmaps: Set<Int> = []
    /// The footer in the file is missing or older than `footer`.
    var needsFooter: Bool
    /// The copy of the footer at the beginning is missing or older than `footer`: a power cut came between the two.
    var needsCopy: Bool
    /// Reads need the parent and none was given.
    let isDetached: Bool
    var isClosed = false

    /// How far a differencing disk checks the parent it is given.
    public enum ParentRule: Sendable {
        /// It is the VHD with the identifier that the child names.
        case verified
        /// Any VHD.
        case ignoringIdentifier
        /// None is given: for looking at and changing metadata.
        case detached
    }

    /// Opens the image. It owns the file from success on; on failure the caller closes it.
    public init(
        file: any DiskFile, parent: (any Disk)? = nil, readOnly: Bool = false, parentRule: ParentRule = .verified
    ) throws(DiskFormatError) {
        let layout = try VHDLayout(file)
        (self.file, self.parent, isReadOnly) = (file, parent, readOnly || file.isReadOnly)
        (footer, header, table, parentLink) = (layout.footer, layout.header, layout.table, layout.parentLink)
        (footerOffset, needsFooter, needsCopy) = (layout.footerOffset, layout.needsFooter, layout.needsCopy)
        isDetached = parentRule == .detached && layout.footer.kind == .differencing
        guard layout.footer.kind == .differencing else {
            if parent != nil { throw DiskFormatError(.parentMismatch, "“\(file.name)” has no parent but was given one.", file: file.name) }
            return
        }
        if !isDetached { try Self.check(parent, layout.parentLink, parentRule, file.name) }
    }

    private static func check(
        _ parent: (any Disk)?, _ link: VHDParentLink?, _ rule: ParentRule, _ name: String
    ) throws(DiskFormatError) {
        guard let parent else {
            throw DiskFormatError(.parentMissing, "“\(name)” is a differencing disk; its parent is missing.", file: name)
        }
        guard let image = parent as? VHDImage else {
            throw DiskFormatError(.parentMismatch, "The parent of “\(name)” is not a VHD.", file: name)
        }
        guard rule == .ignoringIdentifier || image.footer.identifier == link?.identifier else {
            throw DiskFormatError(
                .parentMismatch, "The parent given for “\(name)” is not the disk it was made from.", file: name,
                action: "Set-VHD -ParentPath names the right one.")
        }
    }

    public var parentDisk: (any Disk)? { parent }
    public var kind: DiskKind { footer.kind }
    public var size: UInt64 { footer.size }
    public var logicalSectorSize: Int { 512 }
    public var physicalSectorSize: Int { 512 }
    public var identifier: [UInt8]? { footer.identifier.bytes }
    public var diskIdentifier: GUID { footer.identifier }
    /// Bytes of a block; nil: a fixed disk.
    public var blockSize: UInt32? { header?.blockSize }
    /// A fixed disk keeps its room.
    public var canDiscard: Bool { !isReadOnly && footer.kind != .fixed }

    /// Ends writing, for an image that gets a child. Precondition: flushed.
    func freeze() { isReadOnly = true }

    public func close() throws(DiskError) {
        guard !isClosed else { return }
        defer {
            isClosed = true
            file.close()
        }
        if !isReadOnly { try flush() }
        try (parent)?.close()
    }

    func checkOpen() throws(DiskError) {
        if isClosed { throw DiskError(.closed, "The disk “\(file.name)” is closed.", file: file.name) }
    }

    func checkWritable() throws(DiskError) {
        try checkOpen()
        if isReadOnly { throw DiskError(.readOnly, "The disk “\(file.name)” is read-only.", file: file.name) }
    }
}

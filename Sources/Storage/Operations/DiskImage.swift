import Basics

/// What operations need of VHD and VHDX images beyond being disks. Errors are those of the whole image.
protocol DiskImage: MappedDisk {
    var file: any DiskFile { get }
    var parent: (any Disk)? { get set }
    var kind: DiskKind { get }
    /// Bytes of a block; nil: there are none.
    var bytesPerBlock: UInt32? { get }
    var diskIdentifier: GUID { get }
    /// How children know the image: a VHD's disk identifier, a VHDX's data write identifier.
    var linkIdentifier: GUID { get }
    /// The parent's link identifier as this image wrote it down; nil: it has no parent.
    var recordedParentIdentifier: GUID? { get }
    /// Gives the image the link identifier that it keeps until it is closed, however much is written.
    func settleLinkIdentifier() throws(DiskError)
    /// The image was made just now and nobody else has seen it: its identifiers need not change with its first change of content.
    func keepIdentifiers()
    /// Ends writing, for an image that gets a child. Precondition: flushed.
    func freeze()
    /// Makes the file of a frozen image as a closed one is; its content can be read meanwhile.
    func tidyFrozen() throws(DiskError)
    /// How many bytes from `offset` on read as zeros that the image says without holding them.
    func impliedZeros(at offset: UInt64) throws(DiskError) -> UInt64
    /// Whether this image may stand on a parent with that link identifier.
    func isMade(on identifier: GUID) -> Bool
    /// Lets `child` know the link identifier that this image's first change of content will give, beside the present one, so that the chain
    /// opens at every moment between; nothing where identifiers do not change. Afterwards `setParent` tells the child the new one alone.
    func announceChange(to child: any DiskImage, _ paths: ParentPaths) throws(DiskFormatError)
    /// Makes it longer or shorter; what lies behind a new end is lost.
    func resize(to size: UInt64, losingData: Bool) throws(DiskFormatError)
    /// Gives unused room back; false: `progress` stopped it.
    func giveBackRoom(findingZeros: Bool, progress: (Double) -> Bool) throws(DiskFormatError) -> Bool
    func setParent(_ identifier: GUID, _ paths: ParentPaths) throws(DiskFormatError)
    func setDiskIdentifier(_ identifier: GUID) throws(DiskFormatError)
    func setPhysicalSectorSize(_ size: Int) throws(DiskFormatError)
    /// What is wrong with it, though it opens.
    func problems() throws(DiskFormatError) -> [String]
}

/// A parent's place as a child writes it down.
struct ParentPaths: Equatable {
    /// From the child's folder, always with `/`.
    var relative: String?
    var absolute: String

    /// Both spellings of `parent` for an image at `child`.
    init(parent: String, child: String) {
        absolute = ParentSearch.normalised(parent)
        let from = ParentSearch.normalised(child).split(separator: "/").dropLast()
        let to = absolute.split(separator: "/")
        let common = zip(from, to.dropLast()).prefix { $0 == $1 }.count
        let ups = [Substring](repeating: "..", count: from.count - common)
        relative = (ups + to.dropFirst(common)).joined(separator: "/")
    }
}

extension VHDImage: DiskImage {
    var bytesPerBlock: UInt32? { blockSize }
    var linkIdentifier: GUID { diskIdentifier }

    func settleLinkIdentifier() {}
    func keepIdentifiers() {}
    func tidyFrozen() {}
    func impliedZeros(at offset: UInt64) -> UInt64 { 0 }
    func isMade(on identifier: GUID) -> Bool { parentLink?.identifier == identifier }
    var recordedParentIdentifier: GUID? { parentLink?.identifier }

    func resize(to size: UInt64, losingData: Bool) throws(DiskFormatError) { try resize(to: size) }

    func giveBackRoom(findingZeros: Bool, progress: (Double) -> Bool) throws(DiskFormatError) -> Bool {
        try compact(findingZeros: findingZeros, progress: progress)
    }

    func setParent(_ identifier: GUID, _ paths: ParentPaths) throws(DiskFormatError) {
        try setParentLink(VHDParentLink(identifier: identifier, relativePath: paths.relative, absolutePath: paths.absolute))
    }

    func setPhysicalSectorSize(_ size: Int) throws(DiskFormatError) {
        guard size != 512 else { return }
        throw DiskFormatError(
            .unsupported, "A VHD always has physical sectors of 512 bytes.", file: file.name, action: "Convert it to VHDX.")
    }

    func problems() throws(DiskFormatError) -> [String] { [] }

    func announceChange(to child: any DiskImage, _ paths: ParentPaths) {}
}

import Basics

extension VHDXImage: MappedDisk {
    public var parentDisk: (any Disk)? { parent }

    public func nextOwnRange(from offset: UInt64) throws(DiskError) -> Range<UInt64>? {
        var position = offset
        while position < size {
            let run = try extent(at: position)
            // Zeros of a differencing disk hide what its parent has.
            let isOwn = run.source == .file || run.source == .zero && kind == .differencing
            if isOwn { return position..<position + run.count }
            position += max(run.count, UInt64(logicalSectorSize))
        }
        return nil
    }
}

extension VHDXImage: DiskImage {
    var linkIdentifier: GUID { dataWriteGUID }
    var recordedParentIdentifier: GUID? { parentLink?.linkage }

    func setParent(_ identifier: GUID, _ paths: ParentPaths) throws(DiskFormatError) {
        try setParentLink(VHDXParentLink(linkage: identifier, relativePath: paths.relative, absolutePath: paths.absolute))
    }

    func announceChange(to child: any DiskImage, _ paths: ParentPaths) throws(DiskFormatError) {
        guard let child = child as? VHDXImage else { return }
        let next = GUID()
        var link = VHDXParentLink(linkage: dataWriteGUID, relativePath: paths.relative, absolutePath: paths.absolute)
        link.otherLinkage = next
        try child.setParentLink(link)
        nextDataWriteGUID = next
    }

    func giveBackRoom(findingZeros: Bool, progress: (Double) -> Bool) throws(DiskFormatError) -> Bool {
        // The image stays whole when it is stopped, but does not say so itself.
        var goesOn = true
        try compact(findingZeros: findingZeros) { fraction -> Bool in
            goesOn = goesOn && progress(fraction)
            return goesOn
        }
        return goesOn
    }

    func problems() throws(DiskFormatError) -> [String] { check().filter(\.isFatal).map(\.message) }
}

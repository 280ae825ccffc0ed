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
    var bytesPerBlock: UInt32? { metadata.isFixed ? nil : blockSize }

    func settleLinkIdentifier() throws(DiskError) {
        try checkWritable()
        try begin(changingData: true)
    }

    func keepIdentifiers() { hasBegun = true }

    func tidyFrozen() throws(DiskError) {
        try emptyLog()
        try trimFile()
    }

    func impliedZeros(at offset: UInt64) throws(DiskError) -> UInt64 {
        guard offset < size, case (.zero, let count) = try run(at: offset, limit: min(size - offset, 1 << 30)) else { return 0 }
        return count
    }

    func isMade(on identifier: GUID) -> Bool { parentLink?.names(identifier) == true }

    /// Makes a range read as zeros; whole blocks leave the file.
    func clear(at offset: UInt64, count: UInt64) throws(DiskError) {
        let end = offset + count
        var position = offset
        while position < end {
            let block = Int(position >> geometry.blockShift)
            let start = UInt64(block) << geometry.blockShift
            let next = min(start + bytes(in: block), end)
            if canDiscard, position == start, next == start + bytes(in: block) {
                try discard(at: position, count: next - position)
                position = next
                continue
            }
            let (place, length) = try run(at: position, limit: next - position)
            let part = min(length, 1 << 20)
            if case .zero = place {
                position += length
            } else {
                try write(bytes: [UInt8](repeating: 0, count: Int(part)), at: position)
                position += part
            }
        }
    }

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

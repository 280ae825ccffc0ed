import Basics

extension VHDXImage {
    /// Names another parent; the content must be the same disk's. For differencing disks.
    public func setParentLink(_ link: VHDXParentLink) throws(DiskFormatError) {
        guard kind == .differencing, let (position, _) = metadata.place(of: VHDXLayout.parentLocatorItem) else {
            throw DiskFormatError(.invalidOption, "“\(file.name)” is no differencing disk.", file: file.name)
        }
        guard let item = link.item, let offset = metadata.room(for: item.count) else {
            throw DiskFormatError(.invalidOption, "The path of the parent is too long for “\(file.name)”.", file: file.name)
        }
        try changing { () throws(DiskError) in
            // The new locator lies where nothing is; only the table, in one page, says that it counts.
            try file.write(item, at: metadata.region.offset + UInt64(offset))
            var place = [UInt8](littleEndian: offset)
            place += [UInt8](littleEndian: UInt32(item.count))
            try edit([(metadata.region.offset + 32 + 32 * UInt64(position) + 16, place)])
            metadata.move(position, to: offset, length: item.count)
            metadata.parentLink = link
        }
    }

    /// Gives the disk another identity, as a copy needs one. Guests see it.
    public func setDiskIdentifier(_ identifier: GUID) throws(DiskFormatError) {
        try changing { () throws(DiskError) in
            try edit([try item(VHDXLayout.identifierItem, identifier.bytes)])
            metadata.diskIdentifier = identifier
        }
    }

    /// 512 or 4096 bytes, not less than the logical sector size.
    public func setPhysicalSectorSize(_ size: Int) throws(DiskFormatError) {
        guard size == 4096 || size == 512 && logicalSectorSize == 512 else {
            throw DiskFormatError(
                .invalidOption, "Physical sectors have 512 or 4096 bytes and are not smaller than the logical ones.", file: file.name)
        }
        try changing { () throws(DiskError) in
            try edit([try item(VHDXLayout.physicalSectorItem, [UInt8](littleEndian: UInt32(size)))])
            metadata.physicalSectorSize = size
        }
    }

    /// Where a known item's value stands in the file, with its new bytes.
    func item(_ identifier: GUID, _ bytes: [UInt8]) throws(DiskError) -> (UInt64, [UInt8]) {
        guard let (_, entry) = metadata.place(of: identifier) else {
            throw DiskError(.damaged, "“\(file.name)” lacks a metadata item.", file: file.name)
        }
        return (metadata.region.offset + UInt64(entry.offset), bytes)
    }

    /// Runs a change of the image as a whole on a quiet image and names its failures for the caller.
    func changing(_ body: () throws(DiskError) -> Void) throws(DiskFormatError) {
        do throws(DiskError) {
            try check(0, 0)
            try checkWritable()
            try begin(changingData: false)
            try commit()
            try body()
            try file.synchronise()
        } catch { throw DiskFormatError(error, file: file.name) }
    }

    /// Changes places in the file that the log may cover, all of them or none. Together they touch at most one log entry's pages.
    func edit(_ changes: [(offset: UInt64, bytes: [UInt8])]) throws(DiskError) {
        var pages: [UInt64: [UInt8]] = [:]
        for (offset, bytes) in changes {
            for (position, byte) in bytes.enumerated() {
                let place = offset + UInt64(position)
                let page = place / VHDXLayout.page * VHDXLayout.page
                if pages[page] == nil { pages[page] = try file.bytes(at: page, count: Int(VHDXLayout.page)) }
                pages[page]?[Int(place - page)] = byte
            }
        }
        let numbers = pages.keys.sorted()
        let all = numbers.flatMap { pages[$0] ?? [] }
        try all.withUnsafeBufferPointer { bytes throws(DiskError) in
            let whole = UnsafeRawBufferPointer(bytes)
            let size = Int(VHDXLayout.page)
            let list = numbers.enumerated().map { number, offset in
                (offset: offset, bytes: UnsafeRawBufferPointer(rebasing: whole[number * size..<(number + 1) * size]))
            }
            try writeThroughLog(list)
        }
    }
}

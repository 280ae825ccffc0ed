import Basics

extension VHDImage {
    /// Names another parent. The new header is written beside the old one, and footers, one sector each, change over to it.
    public func setParentLink(_ link: VHDParentLink) throws(DiskFormatError) {
        guard var header, footer.kind == .differencing else {
            throw DiskFormatError(.invalidOption, "“\(file.name)” is not a differencing disk and has no parent to change.", file: file.name)
        }
        try changing { () throws(DiskError) in try flush() }
        let headerOffset = (footerOffset + 511) / 512 * 512
        header.locators = Self.locators(at: headerOffset + UInt64(VHDDynamicHeader.byteCount))
        let end = headerOffset + UInt64(VHDDynamicHeader.byteCount) + 2 * UInt64(VHDParentLink.locatorSpace)
        var changed = footer
        changed.headerOffset = headerOffset
        // Until the new footer stands behind it the copy at the beginning is the one that counts.
        try changing { () throws(DiskError) in try file.write(footer.bytes, at: end) }
        try Self.write(link, file, &header)
        try changing { () throws(DiskError) in
            try file.write(header.bytes, at: headerOffset)
            try file.synchronise()
        }
        footerOffset = end
        self.header = header
        parentLink = link
        try replaceFooters(changed)
    }

    /// Gives the disk another identifier. Children of a differencing chain no longer know it.
    public func setDiskIdentifier(_ identifier: GUID) throws(DiskFormatError) {
        try changing { () throws(DiskError) in try flush() }
        var changed = footer
        changed.identifier = identifier
        try replaceFooters(changed)
    }

    /// Writes `changed` at the end, then at the beginning, each on stable storage before the next.
    func replaceFooters(_ changed: VHDFooter) throws(DiskFormatError) {
        try changing { () throws(DiskError) in
            try file.write(changed.bytes, at: footerOffset)
            try file.synchronise()
            // From here on the image is the changed one, whatever becomes of the copy.
            footer = changed
            (needsFooter, needsCopy) = (false, changed.kind != .fixed)
            try renewCopy()
        }
    }

    /// Runs a change of the whole image and gives its failure the type of such operations.
    func changing(_ body: () throws(DiskError) -> Void) throws(DiskFormatError) {
        do throws(DiskError) {
            try checkWritable()
            try body()
        } catch {
            throw DiskFormatError(error, file: file.name)
        }
    }
}

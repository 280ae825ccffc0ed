extension VHDImage {
    /// Changed bitmaps that may wait in memory before they are flushed of our own accord.
    private static let mostChangedBitmaps = 4096

    /// Where a block's sectors begin in the file; nil: it has no place there.
    func dataOffset(_ header: VHDDynamicHeader, _ block: Int) -> UInt64? {
        guard block < table.count, table[block] != VHDLayout.unused else { return nil }
        return UInt64(table[block]) * 512 + header.bitmapBytes
    }

    /// The same, giving the block a place at the file's end if it has none. The table in the file follows with the next flush.
    func allocate(_ header: VHDDynamicHeader, _ block: Int) throws(DiskError) -> UInt64 {
        if let data = dataOffset(header, block) { return data }
        try renewCopy()
        let start = Self.aligned(footerOffset, header)
        let newFooterOffset = start + header.blockBytes
        guard start / 512 < UInt64(VHDLayout.unused) else {
            throw DiskError(
                .full, "“\(file.name)” has reached the largest size of a VHD file.", file: file.name, action: "Convert it to VHDX.")
        }
        // The next footer comes first: without room for it nothing has changed.
        do throws(DiskError) {
            try file.write(footer.bytes, at: newFooterOffset)
        } catch {
            try? file.truncate(to: footerOffset + 512)
            throw error
        }
        let bitmap = SectorBitmap([UInt8](repeating: footer.kind == .differencing ? 0 : 0xff, count: Int(header.bitmapBytes)))
        do throws(DiskError) {
            try file.write(bitmap.bytes, at: start)
        } catch {
            try? file.write(footer.bytes, at: footerOffset)
            try? file.truncate(to: footerOffset + 512)
            throw error
        }
        footerOffset = newFooterOffset
        needsFooter = false
        table[block] = UInt32(start / 512)
        changedEntries.insert(block)
        dropCleanBitmaps()
        bitmaps[block] = bitmap
        return start + header.bitmapBytes
    }

    /// Brings the footer's copy at the beginning up to date, which alone counts while the last footer moves.
    func renewCopy() throws(DiskError) {
        guard needsCopy else { return }
        try file.write(footer.bytes, at: 0)
        try file.synchronise()
        needsCopy = false
    }

    private func dropCleanBitmaps() {
        if bitmaps.count > 2 * Self.mostChangedBitmaps { bitmaps = bitmaps.filter { changedBitmaps.contains($0.key) } }
    }

    /// The first place at or behind `offset` where a block's sectors begin on a page of the host.
    static func aligned(_ offset: UInt64, _ header: VHDDynamicHeader) -> UInt64 {
        (offset + header.bitmapBytes + 4095) / 4096 * 4096 - header.bitmapBytes
    }

    /// The bitmap of a block that has a place.
    func bitmap(_ header: VHDDynamicHeader, _ block: Int) throws(DiskError) -> SectorBitmap {
        if let known = bitmaps[block] { return known }
        dropCleanBitmaps()
        let bitmap = SectorBitmap(try file.bytes(at: UInt64(table[block]) * 512, count: Int(header.bitmapBytes)))
        bitmaps[block] = bitmap
        return bitmap
    }

    /// Notes that these sectors of a block are its own now. Other writers leave bits of dynamic disks unset, too.
    func markWritten(_ header: VHDDynamicHeader, _ block: Int, _ sectors: Range<Int>) throws(DiskError) {
        if bitmaps[block] == nil { _ = try bitmap(header, block) }
        guard bitmaps[block]?.set(sectors) == true else { return }
        changedBitmaps.insert(block)
        if changedBitmaps.count >= Self.mostChangedBitmaps { try flush() }
    }

    public func flush() throws(DiskError) {
        try checkOpen()
        guard !isReadOnly else { return }
        try renewCopy()
        if needsFooter {
            try file.write(footer.bytes, at: footerOffset)
            needsFooter = false
        }
        // The data, and new blocks' first bitmaps, before anything that speaks of them.
        try file.synchronise()
        guard let header, !changedEntries.isEmpty || !changedBitmaps.isEmpty else { return }
        for block in changedBitmaps.sorted() {
            if let bitmap = bitmaps[block] { try file.write(bitmap.bytes, at: UInt64(table[block]) * 512) }
        }
        for sector in Set(changedEntries.map { $0 / 128 }).sorted() { try writeTable(header, sector) }
        try file.synchronise()
        changedBitmaps.removeAll(keepingCapacity: true)
        changedEntries.removeAll(keepingCapacity: true)
    }

    /// Writes the 128 entries of one sector of the table.
    private func writeTable(_ header: VHDDynamicHeader, _ sector: Int) throws(DiskError) {
        var bytes = [UInt8](repeating: 0xff, count: 512)
        for position in 0..<128 where sector * 128 + position < table.count {
            bytes.setBigEndian(table[sector * 128 + position], at: position * 4)
        }
        try file.write(bytes, at: header.tableOffset + UInt64(sector) * 512)
    }
}

extension VHDImage {
    /// Makes the disk longer or shorter; what lies behind the new end is lost, so the caller looks first.
    public func resize(to size: UInt64) throws(DiskFormatError) {
        guard size >= 512, size % 512 == 0, size <= VHDFooter.greatestSize else {
            throw DiskFormatError(
                .invalidOption, "A VHD cannot have \(size) bytes: it is whole sectors of 512 bytes and at most 2040 GiB.", file: file.name,
                action: "Larger disks can be VHDX.")
        }
        try changing { () throws(DiskError) in try flush() }
        var changed = footer
        changed.resize(to: size)
        guard let header else { return try resizeFixed(changed) }
        if size > footer.size {
            try growTable(header, blocks: Int((size + UInt64(header.blockSize) - 1) / UInt64(header.blockSize)))
            try replaceFooters(changed)
        } else if size < footer.size {
            try replaceFooters(changed)
            try dropBlocks(header)
        }
    }

    private func resizeFixed(_ changed: VHDFooter) throws(DiskFormatError) {
        let (old, oldFooter) = (footer, footerOffset)
        if changed.size > old.size {
            do throws(DiskFormatError) {
                try changing { () throws(DiskError) in
                    try file.write(changed.bytes, at: changed.size)
                    try file.allocate(at: oldFooter, count: changed.size + 512 - oldFooter)
                    try file.synchronise()
                }
            } catch {
                try? file.truncate(to: oldFooter + 512)
                throw error
            }
            // Now the old footer is content, and new content is zeros.
            try changing { () throws(DiskError) in
                try file.write([UInt8](repeating: 0, count: Int(min(512, changed.size - oldFooter))), at: oldFooter)
                try file.synchronise()
            }
        } else if changed.size < old.size {
            try changing { () throws(DiskError) in
                try file.write(changed.bytes, at: changed.size)
                try file.synchronise()
                try file.truncate(to: changed.size + 512)
                try file.synchronise()
            }
        }
        (footer, footerOffset) = (changed, changed.size)
    }

    /// Makes room in the table, at the file's end where its old place is too small.
    private func growTable(_ header: VHDDynamicHeader, blocks: Int) throws(DiskFormatError) {
        guard blocks <= Int(VHDLayout.mostEntries) else {
            throw DiskFormatError(.invalidOption, "The blocks of “\(file.name)” are too small for that size.", file: file.name)
        }
        guard blocks > table.count else { return }
        var bytes = [UInt8](repeating: 0xff, count: (blocks * 4 + 511) / 512 * 512)
        for (position, entry) in table.enumerated() { bytes.setBigEndian(entry, at: position * 4) }
        var changed = header
        (changed.tableOffset, changed.entryCount) = ((footerOffset + 511) / 512 * 512, UInt32(blocks))
        let end = changed.tableOffset + UInt64(bytes.count)
        do throws(DiskFormatError) {
            try changing { () throws(DiskError) in
                try file.write(footer.bytes, at: end)
                try file.write(bytes, at: changed.tableOffset)
                try file.synchronise()
            }
        } catch {
            try? file.write(footer.bytes, at: footerOffset)
            try? file.truncate(to: footerOffset + 512)
            throw error
        }
        footerOffset = end
        // Only the header's first sector differs: it is written whole or not at all.
        try changing { () throws(DiskError) in
            try file.write(Array(changed.bytes[..<512]), at: footer.headerOffset)
            try file.synchronise()
        }
        self.header = changed
        table += [UInt32](repeating: VHDLayout.unused, count: blocks - table.count)
    }

    /// Takes the blocks behind the end out of the table, so that they do not come back when the disk grows.
    private func dropBlocks(_ header: VHDDynamicHeader) throws(DiskFormatError) {
        let blockSize = UInt64(header.blockSize)
        let blocks = Int((footer.size + blockSize - 1) / blockSize)
        for block in blocks..<max(blocks, table.count) where table[block] != VHDLayout.unused {
            table[block] = VHDLayout.unused
            bitmaps[block] = nil
            changedEntries.insert(block)
        }
        try changing { () throws(DiskError) in
            if footer.size % blockSize != 0, let data = dataOffset(header, blocks - 1) {
                try file.punchHole(at: data + footer.size % blockSize, count: blockSize - footer.size % blockSize)
            }
            try flush()
        }
    }
}

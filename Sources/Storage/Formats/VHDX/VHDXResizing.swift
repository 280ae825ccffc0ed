import Basics

extension VHDXImage {
    /// End of the last block that has content, in bytes of the disk.
    public var minimumSize: UInt64 {
        for block in stride(from: geometry.blocks(in: size) - 1, through: 0, by: -1) where hasContent(block) {
            return min(size, UInt64(block + 1) << geometry.blockShift)
        }
        return UInt64(logicalSectorSize)
    }

    private func hasContent(_ block: Int) -> Bool {
        let state = table.state(geometry.index(block))
        return state == .present || state == .partial
    }

    /// Makes the disk larger or smaller. A shrink that would cut blocks with content is refused unless `losingData`; a fixed disk's blocks
    /// all have content.
    public func resize(to newSize: UInt64, losingData: Bool = false) throws(DiskFormatError) {
        guard newSize > 0, newSize <= VHDXLayout.maximumDiskSize, newSize % UInt64(logicalSectorSize) == 0 else {
            throw DiskFormatError(
                .invalidOption, "\(newSize) bytes is no size for “\(file.name)”: whole sectors, at most 64 TiB.", file: file.name)
        }
        if newSize < size, !losingData, newSize < minimumSize {
            throw DiskFormatError(
                .invalidOption, "“\(file.name)” has data up to \(minimumSize) bytes and cannot shrink to \(newSize).", file: file.name,
                action: "Shrink the partitions in the guest first, and run Optimize-VHD.")
        }
        guard newSize != size else { return }
        try changing { () throws(DiskError) in
            try begin(changingData: true)
            if newSize < size { try shrink(to: newSize) } else { try grow(to: newSize) }
        }
    }

    private func shrink(to newSize: UInt64) throws(DiskError) {
        let blocks = geometry.blocks(in: newSize)..<geometry.blocks(in: size)
        // The size first: blocks behind the end count for nobody.
        try edit([try item(VHDXLayout.diskSizeItem, [UInt8](littleEndian: newSize))])
        setSize(newSize)
        for block in blocks {
            let index = geometry.index(block)
            guard table[index] != 0 else { continue }
            if table.state(index) == .present || table.state(index) == .partial {
                freeAfterCommit(table.place(index), units: geometry.unitsPerBlock)
            }
            table.set(index, .notPresent)
            markTableDirty(index)
        }
        try commit()
        try emptyLog()
        try trimFile()
    }

    private func grow(to newSize: UInt64) throws(DiskError) {
        let (oldBlocks, newBlocks) = (geometry.blocks(in: size), geometry.blocks(in: newSize))
        let oldEntries = geometry.entries(for: size)
        let newEntries = geometry.entries(for: newSize)
        try clearTail(oldBlocks - 1, newSize)
        var changes = [try item(VHDXLayout.diskSizeItem, [UInt8](littleEndian: newSize))]
        let newTable = newEntries > table.capacity ? try largerTable(for: newEntries) : nil
        let target = newTable ?? table
        for index in oldEntries..<newEntries { target[index] = 0 }
        var taken: [Range<Int>] = []
        do throws(DiskError) {
            if metadata.isFixed {
                for block in oldBlocks..<newBlocks {
                    let run = try takeRoom(geometry.unitsPerBlock)
                    taken.append(run)
                    let place = UInt64(run.lowerBound) << VHDXLayout.unitShift
                    try file.allocate(at: place, count: geometry.blockSize)
                    target.set(geometry.index(block), .present, at: place)
                }
            }
            // Pages that only the larger disk has are written straight; the one that both have goes with the size, through the log.
            let shared = newTable == nil ? oldEntries / VHDXBlockTable.entriesPerPage : -1
            let lastPage = (newEntries - 1) / VHDXBlockTable.entriesPerPage
            for page in shared + 1..<max(shared + 1, lastPage + 1) {
                try file.write(
                    from: target.page(page).baseAddress, count: Int(VHDXLayout.page), at: target.offset + UInt64(page) * VHDXLayout.page)
            }
            if shared >= 0, shared <= lastPage {
                changes.append((target.offset + UInt64(shared) * VHDXLayout.page, Array(target.page(shared))))
            }
            if let newTable { changes += tablesNaming(newTable) }
            try edit(changes)
        } catch {
            for index in oldEntries..<min(newEntries, table.capacity) { table[index] = 0 }
            for run in taken { room.release(run) }
            if let newTable { release(newTable) }
            throw error
        }
        if let newTable { adopt(newTable) }
        setSize(newSize)
    }

    /// The last block may reach beyond the old end; what stands there is nobody's data.
    private func clearTail(_ block: Int, _ newSize: UInt64) throws(DiskError) {
        let index = geometry.index(block)
        let used = bytes(in: block)
        guard table.state(index) == .present, used < geometry.blockSize else { return }
        let end = min(geometry.blockSize, newSize - UInt64(block) << geometry.blockShift)
        try file.writeZeros(at: table.place(index) + used, count: end - used)
    }

    /// A copy of the block table in a new place that has room for `entries`.
    private func largerTable(for entries: Int) throws(DiskError) -> VHDXBlockTable {
        let units = Int(VHDXLayout.roundUp(UInt64(entries) * 8, to: VHDXLayout.unit) >> VHDXLayout.unitShift)
        let run = try takeRoom(units)
        let offset = UInt64(run.lowerBound) << VHDXLayout.unitShift
        guard let copy = VHDXBlockTable(capacity: units << Int(VHDXLayout.unitShift) / 8, offset: offset) else {
            room.release(run)
            throw DiskError(.failed, "No memory for the block table of “\(file.name)”.", file: file.name)
        }
        for index in 0..<min(table.capacity, copy.capacity) where table[index] != 0 { copy[index] = table[index] }
        return copy
    }

    private func units(of table: VHDXBlockTable) -> Range<Int> {
        let start = Int(table.offset >> VHDXLayout.unitShift)
        return start..<start + table.capacity * 8 >> Int(VHDXLayout.unitShift)
    }

    private func release(_ table: VHDXBlockTable) { room.release(units(of: table)) }

    /// Both region tables with the block table at its new place.
    private func tablesNaming(_ newTable: VHDXBlockTable) -> [(offset: UInt64, bytes: [UInt8])] {
        var moved = regions
        moved.move(VHDXLayout.blockTableRegion, to: newTable.offset, length: UInt64(newTable.capacity) * 8)
        return VHDXLayout.regionTableOffsets.map { ($0, moved.bytes) }
    }

    private func adopt(_ newTable: VHDXBlockTable) {
        regions.move(VHDXLayout.blockTableRegion, to: newTable.offset, length: UInt64(newTable.capacity) * 8)
        let old = units(of: table)
        table = newTable
        isTablePageDirty = [Bool](repeating: false, count: newTable.capacity / VHDXBlockTable.entriesPerPage)
        freedRuns.append(old)
    }
}

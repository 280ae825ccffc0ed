import CHost

extension VHDImage {
    /// Blocks that are moved between two synchronisations.
    private static let movesAtOnce = 32

    /// Takes blocks that hold nothing (`findingZeros` reads them all) out of the file and closes the gaps, so that it becomes shorter. A
    /// block's old place is used again only when its new one is in the table on stable storage. `progress` gets what is done, from
    /// 0 to 1, and stops the work, which leaves a whole image, by returning false; then the result is false.
    public func compact(findingZeros: Bool = true, progress: (Double) -> Bool = { _ in true }) throws(DiskFormatError) -> Bool {
        guard let header else { return true }
        try changing { () throws(DiskError) in try flush() }
        guard try dropEmptyBlocks(header, findingZeros, { progress($0 * 0.7) }) else { return false }
        guard try closeGaps(header, { progress(0.7 + $0 * 0.3) }) else { return false }
        try changing { () throws(DiskError) in
            let regions = structures(header) + table.filter { $0 != VHDLayout.unused }.map { place(UInt64($0) * 512, header) }
            let end = regions.map(\.upperBound).max() ?? 0
            guard end < footerOffset else { return }
            try file.write(footer.bytes, at: end)
            try file.synchronise()
            footerOffset = end
            try file.truncate(to: end + 512)
            try file.synchronise()
        }
        return progress(1)
    }

    private func structures(_ header: VHDDynamicHeader) -> [Range<UInt64>] {
        VHDLayout.structures(footer, header, fileSize: footerOffset)
    }

    private func place(_ start: UInt64, _ header: VHDDynamicHeader) -> Range<UInt64> { start..<start + header.blockBytes }

    private func dropEmptyBlocks(
        _ header: VHDDynamicHeader, _ findingZeros: Bool, _ progress: (Double) -> Bool
    ) throws(DiskFormatError) -> Bool {
        var isStopped = false
        try changing { () throws(DiskError) in
            for block in table.indices where table[block] != VHDLayout.unused {
                guard progress(Double(block) / Double(table.count)) else {
                    isStopped = true
                    break
                }
                if try isEmpty(header, block, findingZeros) {
                    table[block] = VHDLayout.unused
                    bitmaps[block] = nil
                    changedEntries.insert(block)
                }
            }
            try flush()
        }
        return !isStopped
    }

    /// True when the disk would read the same without this block.
    private func isEmpty(_ header: VHDDynamicHeader, _ block: Int, _ findingZeros: Bool) throws(DiskError) -> Bool {
        if footer.kind == .differencing {
            return try bitmap(header, block).bytes.allSatisfy { $0 == 0 }
        }
        guard findingZeros, let data = dataOffset(header, block) else { return false }
        var position: UInt64 = 0
        while position < UInt64(header.blockSize) {
            let count = min(UInt64(header.blockSize) - position, 1 << 20)
            let bytes = try file.bytes(at: data + position, count: Int(count))
            guard lv_disk_is_zero(bytes, count) != 0 else { return false }
            position += count
        }
        return true
    }

    /// Moves the last blocks into the first gaps.
    private func closeGaps(_ header: VHDDynamicHeader, _ progress: (Double) -> Bool) throws(DiskFormatError) -> Bool {
        var gaps = self.gaps(header)[...]
        let byPlace = table.indices.filter { table[$0] != VHDLayout.unused }.sorted { table[$0] > table[$1] }
        var isStopped = false
        try changing { () throws(DiskError) in
            var moved: [(block: Int, to: UInt64)] = []
            for (count, block) in byPlace.enumerated() {
                guard let gap = gaps.first, gap < UInt64(table[block]) * 512 else { break }
                guard progress(Double(count) / Double(byPlace.count)) else {
                    isStopped = true
                    break
                }
                gaps.removeFirst()
                try copy(from: UInt64(table[block]) * 512, to: gap, count: header.blockBytes)
                moved.append((block, gap))
                if moved.count == Self.movesAtOnce { try finish(&moved) }
            }
            try finish(&moved)
        }
        return !isStopped
    }

    /// Places for blocks between what lies in the file, first ones first.
    private func gaps(_ header: VHDDynamicHeader) -> [UInt64] {
        let used = structures(header) + table.filter { $0 != VHDLayout.unused }.map { place(UInt64($0) * 512, header) }
        var gaps: [UInt64] = []
        var position: UInt64 = 0
        for region in used.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            var start = Self.aligned(position, header)
            // More gaps than blocks could move into are of no use, and a sparse file may have any number of them.
            while start + header.blockBytes <= region.lowerBound, gaps.count < used.count {
                gaps.append(start)
                start = Self.aligned(start + header.blockBytes, header)
            }
            position = max(position, region.upperBound)
        }
        return gaps
    }

    private func copy(from source: UInt64, to target: UInt64, count: UInt64) throws(DiskError) {
        var position: UInt64 = 0
        while position < count {
            let step = min(count - position, 1 << 20)
            let bytes = try file.bytes(at: source + position, count: Int(step))
            // A gap holds old blocks: zeros are written too.
            try file.write(bytes, at: target + position)
            position += step
        }
    }

    /// The copies reach stable storage, then the table names them.
    private func finish(_ moved: inout [(block: Int, to: UInt64)]) throws(DiskError) {
        guard !moved.isEmpty else { return }
        try file.synchronise()
        for move in moved {
            table[move.block] = UInt32(move.to / 512)
            changedEntries.insert(move.block)
        }
        moved.removeAll()
        try flush()
    }
}

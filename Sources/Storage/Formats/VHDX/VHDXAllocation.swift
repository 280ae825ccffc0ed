import Basics
import Glibc

extension VHDXImage {
    /// Takes `count` MiB of the file that read as zeros. The room is in use at once; nothing on stable storage speaks of it yet.
    func takeRoom(_ count: Int) throws(DiskError) -> Range<Int> {
        if let run = room.find(count, before: fileUnits) {
            try clean(run)
            return try occupied(run)
        }
        // What is free at the file's end is used first.
        let run = room.end..<room.end + count
        guard run.upperBound <= VHDXRoom.limit else {
            throw DiskError(.full, "“\(file.name)” would become longer than 256 TiB.", file: file.name)
        }
        if run.lowerBound < min(cleanUnit, fileUnits) { try clean(run.lowerBound..<min(cleanUnit, fileUnits)) }
        let units = run.lowerBound + max(count, min(16, VHDXRoom.limit - run.lowerBound))
        try file.truncate(to: UInt64(units) << VHDXLayout.unitShift)
        fileUnits = units
        return try occupied(run)
    }

    private func occupied(_ run: Range<Int>) throws(DiskError) -> Range<Int> {
        guard room.take(run) else { throw DiskError(.damaged, "The map of “\(file.name)” contradicts itself.", file: file.name) }
        isUnsynchronised = true
        return run
    }

    /// Makes free room read as zeros, by a hole where the file system has them, by writing otherwise.
    private func clean(_ run: Range<Int>) throws(DiskError) {
        guard run.lowerBound < cleanUnit else { return }
        let (offset, count) = (UInt64(run.lowerBound) << VHDXLayout.unitShift, UInt64(run.count) << VHDXLayout.unitShift)
        isUnsynchronised = true
        if punchesHoles != false { try file.punchHole(at: offset, count: count) }
        if punchesHoles == nil {
            try file.write([UInt8](repeating: 0xa5, count: 4096), at: offset)
            try file.punchHole(at: offset, count: count)
            punchesHoles = try !file.bytes(at: offset, count: 4096).contains { $0 != 0 }
        }
        if punchesHoles == false { try file.writeZeros(at: offset, count: count) }
    }

    /// Room of a block that the table in memory no longer has; it is free after the next commit.
    func freeAfterCommit(_ place: UInt64, units: Int) {
        let start = Int(place >> VHDXLayout.unitShift)
        freedRuns.append(start..<start + units)
    }

    /// Gives freed room back to the file system and to new blocks. Only after a commit.
    func releaseFreedRuns() {
        for run in freedRuns {
            room.release(run)
            cleanUnit = max(cleanUnit, run.upperBound)
            // A host that cannot give room back does no harm: the room is cleaned again before it is used.
            try? file.punchHole(at: UInt64(run.lowerBound) << VHDXLayout.unitShift, count: UInt64(run.count) << VHDXLayout.unitShift)
        }
        freedRuns.removeAll(keepingCapacity: true)
    }

    public func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        try check(offset, count)
        try checkWritable()
        guard count > 0, canDiscard else { return }
        try begin(changingData: true)
        let end = offset + count
        var position = offset
        while position < end {
            let block = Int(position >> geometry.blockShift)
            let start = UInt64(block) << geometry.blockShift
            let next = min(start + bytes(in: block), end)
            if position == start, next == start + bytes(in: block) {
                try discardBlock(block)
            } else {
                try discardPart(block, position - start..<next - start)
            }
            position = next
        }
    }

    private func discardBlock(_ block: Int) throws(DiskError) {
        let index = geometry.index(block)
        switch table.state(index) {
        case .present, .partial: freeAfterCommit(table.place(index), units: geometry.unitsPerBlock)
        case .notPresent where geometry.hasParent: break
        default: return
        }
        if dirtyPages.count >= VHDXLogWriter.pagesPerEntry { try commit() }
        table.set(index, .zero)
        markTableDirty(index)
        isUnsynchronised = true
    }

    /// Within a block only the host's pages can go; what is not in the file keeps its content.
    private func discardPart(_ block: Int, _ range: Range<UInt64>) throws(DiskError) {
        let index = geometry.index(block)
        guard table.state(index) == .present || table.state(index) == .partial else { return }
        let lower = VHDXLayout.roundUp(range.lowerBound, to: VHDXLayout.page)
        let upper = range.upperBound / VHDXLayout.page * VHDXLayout.page
        guard lower < upper else { return }
        try file.punchHole(at: table.place(index) + lower, count: upper - lower)
        isUnsynchronised = true
    }
}

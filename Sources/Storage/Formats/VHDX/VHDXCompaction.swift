import Basics

extension VHDXImage {
    /// Makes the file smaller: blocks of zeros leave it (with `findingZeros`), the others move down into free room, and the file is cut
    /// behind the last one. `progress` hears the done part and stops the work with false; the image is whole at every moment.
    public func compact(findingZeros: Bool = true, progress: (Double) -> Bool = { _ in true }) throws(DiskFormatError) {
        guard !metadata.isFixed else {
            throw DiskFormatError(
                .invalidOption, "“\(file.name)” is a fixed disk, which keeps its room.", file: file.name,
                action: "Convert it to a dynamic disk first.")
        }
        try changing { () throws(DiskError) in
            var goesOn = true
            if findingZeros { goesOn = try dropZeroBlocks { progress($0 / 2) } }
            if goesOn { try moveBlocksDown { progress(0.5 + $0 / 2) } }
            try commit()
            try emptyLog()
            releaseFreedRuns()
            try trimFile()
            _ = progress(1)
        }
    }

    private func dropZeroBlocks(_ progress: (Double) -> Bool) throws(DiskError) -> Bool {
        let blocks = geometry.blocks(in: size)
        for block in 0..<blocks {
            let index = geometry.index(block)
            guard table.state(index) == .present else { continue }
            guard progress(Double(block) / Double(blocks)) else { return false }
            guard try isZero(table.place(index), count: bytes(in: block)) else { continue }
            freeAfterCommit(table.place(index), units: geometry.unitsPerBlock)
            table.set(index, geometry.hasParent ? .zero : .notPresent)
            markTableDirty(index)
            if dirtyPages.count >= VHDXLogWriter.pagesPerEntry { try commit() }
        }
        try commit()
        return true
    }

    private func isZero(_ place: UInt64, count: UInt64) throws(DiskError) -> Bool {
        var done: UInt64 = 0
        while done < count {
            let part = min(count - done, VHDXLayout.unit)
            let bytes = try file.bytes(at: place + done, count: Int(part))
            let hasContent = bytes.withUnsafeBytes { raw in
                let words = part / 8
                for word in 0..<Int(words) where raw.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self) != 0 { return true }
                return false
            }
            if hasContent { return false }
            done += part
        }
        return true
    }

    /// Entries of everything that can move, with its length in MiB; highest place first.
    private func movableEntries() -> [(index: Int, units: Int)] {
        var result: [(index: Int, units: Int)] = []
        let blocks = geometry.blocks(in: size)
        for block in 0..<blocks {
            let index = geometry.index(block)
            if table.state(index) == .present || table.state(index) == .partial { result.append((index, geometry.unitsPerBlock)) }
        }
        if geometry.hasParent {
            for chunk in 0...geometry.chunk(of: blocks - 1) {
                let index = geometry.bitmapIndex(chunk: chunk)
                if table.state(index) == .present { result.append((index, 1)) }
            }
        }
        return result.sorted { table.place($0.index) > table.place($1.index) }
    }

    private func moveBlocksDown(_ progress: (Double) -> Bool) throws(DiskError) {
        let entries = movableEntries()
        // Log entries speak of bitmap pages at their places; none may be left when a bitmap moves.
        for (number, entry) in entries.enumerated() {
            guard progress(Double(number) / Double(entries.count)) else { return }
            let place = table.place(entry.index)
            guard let run = room.find(entry.units, before: Int(place >> VHDXLayout.unitShift)) else { continue }
            guard room.take(run) else { throw DiskError(.damaged, "The map of “\(file.name)” contradicts itself.", file: file.name) }
            let target = UInt64(run.lowerBound) << VHDXLayout.unitShift
            do throws(DiskError) {
                try copy(from: place, to: target, count: UInt64(entry.units) << VHDXLayout.unitShift)
            } catch {
                room.release(run)
                throw error
            }
            guard let state = table.state(entry.index) else { continue }
            table.set(entry.index, state, at: target)
            markTableDirty(entry.index)
            freeAfterCommit(place, units: entry.units)
            // Freed room is what the next ones move into.
            if freedRuns.count >= 16 || entry.units == 1 {
                try commit()
                if entry.units == 1 { try emptyLog() }
            }
        }
    }

    private func copy(from source: UInt64, to target: UInt64, count: UInt64) throws(DiskError) {
        var done: UInt64 = 0
        while done < count {
            let part = min(count - done, VHDXLayout.unit)
            let bytes = try file.bytes(at: source + done, count: Int(part))
            if bytes.contains(where: { $0 != 0 }) {
                try file.write(bytes, at: target + done)
            } else {
                try file.punchHole(at: target + done, count: part)
                if try file.bytes(at: target + done, count: Int(part)).contains(where: { $0 != 0 }) {
                    try file.write(bytes, at: target + done)
                }
            }
            done += part
        }
        isUnsynchronised = true
    }
}

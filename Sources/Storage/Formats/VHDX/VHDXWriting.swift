import Basics
import Glibc

extension VHDXImage {
    public func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = try checkedCount(segments, at: offset)
        try checkWritable()
        guard count > 0 else { return }
        try begin(changingData: true)
        if dirtyPages.count >= VHDXLogWriter.pagesPerEntry - 20 { try commit() }
        isUnsynchronised = true
        var cut = SegmentSlicer.Position()
        var done: UInt64 = 0
        while done < count {
            let position = offset + done
            let block = Int(position >> geometry.blockShift)
            let inside = position & (geometry.blockSize - 1)
            let rest = min(count - done, geometry.blockSize - inside)
            let length: UInt64
            switch table.state(geometry.index(block)) {
            case .present:
                let (place, run) = try self.run(at: position, limit: count - done)
                guard case .file(let start) = place else { throw contradiction(block) }
                try file.write(from: run == count ? segments : slicer.take(run, of: segments, &cut), at: start)
                length = run
            case .partial:
                let part = rest == count ? segments : slicer.take(rest, of: segments, &cut)
                try file.write(from: part, at: table.place(geometry.index(block)) + inside)
                try markPresent(block, inside, rest)
                length = rest
            default:
                let part = rest == count ? segments : slicer.take(rest, of: segments, &cut)
                try writeNewBlock(block, inside, part, rest)
                length = rest
            }
            done += length
        }
    }

    /// First write to a block: finds room, writes, and only then lets the table know.
    private func writeNewBlock(_ block: Int, _ inside: UInt64, _ part: UnsafeBufferPointer<iovec>, _ count: UInt64) throws(DiskError) {
        let index = geometry.index(block)
        let isWhole = count == bytes(in: block)
        let isShared = geometry.hasParent && table.state(index) == .notPresent && !isWhole
        if isShared { try prepareBitmap(block) }
        let run = try takeRoom(geometry.unitsPerBlock)
        let place = UInt64(run.lowerBound) << VHDXLayout.unitShift
        do throws(DiskError) {
            try file.write(from: part, at: place + inside)
            if isShared { try fillBitmap(block, inside, count, true) }
        } catch {
            room.release(run)
            cleanUnit = max(cleanUnit, run.upperBound)
            throw error
        }
        table.set(index, isShared ? .partial : .present, at: place)
        markTableDirty(index)
    }

    /// A write to a partially present block has reached the file.
    private func markPresent(_ block: Int, _ inside: UInt64, _ count: UInt64) throws(DiskError) {
        if count == bytes(in: block) {
            let index = geometry.index(block)
            table.set(index, .present, at: table.place(index))
            markTableDirty(index)
        } else {
            try fillBitmap(block, inside, count, true)
        }
    }

    /// Makes sure that the block's chunk has a sector bitmap and that the block's bits in it are clear, on stable storage too if they
    /// were not.
    private func prepareBitmap(_ block: Int) throws(DiskError) {
        let index = geometry.bitmapIndex(chunk: geometry.chunk(of: block))
        if table.state(index) != .present {
            let run = try takeRoom(1)
            table.set(index, .present, at: UInt64(run.lowerBound) << VHDXLayout.unitShift)
            markTableDirty(index)
        }
        if try fillBitmap(block, 0, bytes(in: block), false) { try commit() }
    }

    /// Sets or clears the bits of a part of a block; true when one changed.
    @discardableResult
    private func fillBitmap(_ block: Int, _ inside: UInt64, _ count: UInt64, _ value: Bool) throws(DiskError) -> Bool {
        var sector = (UInt64(block) << geometry.blockShift + inside) >> geometry.sectorShift
        let end = sector + count >> geometry.sectorShift
        var changed = false
        while sector < end {
            let page = try bitmapPage(of: sector)
            let first = Int(sector & 32767)
            let last = min(32768, first + Int(end - sector))
            if bitmaps.fill(page, first..<last, value) {
                changed = true
                if !page.isDirty {
                    page.isDirty = true
                    dirtyPages.append(Int(sector >> VHDXSectorBitmaps.sectorsPerPageShift) << 1 | 1)
                }
            }
            sector += UInt64(last - first)
        }
        return changed
    }

    func markTableDirty(_ index: Int) {
        let page = index / VHDXBlockTable.entriesPerPage
        guard !isTablePageDirty[page] else { return }
        isTablePageDirty[page] = true
        dirtyPages.append(page << 1)
    }

    /// Bytes of the disk in a block: the last one may reach beyond the disk's end.
    func bytes(in block: Int) -> UInt64 { min(geometry.blockSize, size - UInt64(block) << geometry.blockShift) }

    func contradiction(_ block: Int) -> DiskError {
        DiskError(.damaged, "Block \(block) of “\(file.name)” has changed its state unseen.", file: file.name)
    }
}

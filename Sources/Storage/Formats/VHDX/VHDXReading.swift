import Basics
import Glibc

/// Where a stretch of the disk has its content.
public struct VHDXExtent: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        /// In this file.
        case file
        /// Reads as zeros.
        case zero
        /// In the parent.
        case parent
    }
    public var source: Source
    /// Bytes.
    public var count: UInt64
}

extension VHDXImage {
    enum Place {
        case file(UInt64)
        case zero
        case parent
    }

    public func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = try checkedCount(segments, at: offset)
        var cut = SegmentSlicer.Position()
        var done: UInt64 = 0
        while done < count {
            let (place, length) = try run(at: offset + done, limit: count - done)
            let part = length == count ? segments : slicer.take(length, of: segments, &cut)
            switch place {
            case .file(let start): try file.read(into: part, at: start)
            case .zero: SegmentSlicer.fillWithZeros(part)
            case .parent: try readParent(part, at: offset + done, count: length)
            }
            done += length
        }
    }

    /// The longest stretch from `offset` on whose content is in one kind of place (in the file: anywhere).
    public func extent(at offset: UInt64) throws(DiskError) -> VHDXExtent {
        try check(offset, 0)
        var result: VHDXExtent?
        var position = offset
        while position < size {
            let (place, length) = try run(at: position, limit: size - position)
            let source: VHDXExtent.Source =
                switch place {
                case .file: .file
                case .zero: .zero
                case .parent: .parent
                }
            guard result == nil || result?.source == source else { break }
            position += length
            result = VHDXExtent(source: source, count: position - offset)
        }
        return result ?? VHDXExtent(source: .zero, count: 0)
    }

    /// Where the content at `offset` is, and how much of the next `limit` bytes follows it there in one piece.
    func run(at offset: UInt64, limit: UInt64) throws(DiskError) -> (Place, UInt64) {
        let shift = geometry.blockShift
        var block = Int(offset >> shift)
        let inside = offset & (geometry.blockSize - 1)
        let index = geometry.index(block)
        let state = table.state(index)
        if state == .partial { return try partialRun(block, inside, limit: min(limit, geometry.blockSize - inside)) }
        var count = geometry.blockSize - inside
        if state == .present {
            let start = table.place(index) + inside
            while count < limit {
                block += 1
                let next = geometry.index(block)
                guard table.state(next) == .present, table.place(next) == start + count else { break }
                count += geometry.blockSize
            }
            return (.file(start), min(count, limit))
        }
        let isInParent = state == .notPresent && geometry.hasParent
        while count < limit {
            block += 1
            guard let next = table.state(geometry.index(block)), next != .present, next != .partial,
                (next == .notPresent && geometry.hasParent) == isInParent
            else { break }
            count += geometry.blockSize
        }
        return (isInParent ? .parent : .zero, min(count, limit))
    }

    private func partialRun(_ block: Int, _ inside: UInt64, limit: UInt64) throws(DiskError) -> (Place, UInt64) {
        let start = UInt64(block) << geometry.blockShift + inside
        let end = start + limit
        var position = start
        var isPresent: Bool?
        while position < end {
            let sector = position >> geometry.sectorShift
            let page = try bitmapPage(of: sector)
            let found = bitmaps.run(in: page, from: Int(sector & 32767), limit: Int((end - position) >> geometry.sectorShift))
            guard isPresent == nil || isPresent == found.isPresent else { break }
            isPresent = found.isPresent
            position += UInt64(found.count) << geometry.sectorShift
        }
        let place: Place = isPresent == true ? .file(table.place(geometry.index(block)) + inside) : .parent
        return (place, position - start)
    }

    /// The page with the bit of a sector of the disk.
    func bitmapPage(of sector: UInt64) throws(DiskError) -> VHDXSectorBitmaps.Page {
        let number = Int(sector >> VHDXSectorBitmaps.sectorsPerPageShift)
        return try bitmaps.page(number, at: bitmapPlace(number), of: file)
    }

    /// Place in the file of a page of a sector bitmap; nil when the bitmap does not exist.
    func bitmapPlace(_ number: Int) -> UInt64? {
        let index = geometry.bitmapIndex(chunk: number / VHDXSectorBitmaps.pagesPerChunk)
        guard index < table.capacity, table.state(index) == .present else { return nil }
        return table.place(index) + UInt64(number % VHDXSectorBitmaps.pagesPerChunk) * VHDXLayout.page
    }

    private func readParent(_ segments: UnsafeBufferPointer<iovec>, at offset: UInt64, count: UInt64) throws(DiskError) {
        guard let parent else {
            throw DiskError(.damaged, "The parent of “\(file.name)” is not open.", file: file.name)
        }
        guard offset + count > parent.size else { return try parent.read(into: segments, at: offset) }
        // A child may be larger than its parent.
        var cut = SegmentSlicer.Position()
        let there = offset < parent.size ? parent.size - offset : 0
        if there > 0 { try parent.read(into: parentSlicer.take(there, of: segments, &cut), at: offset) }
        SegmentSlicer.fillWithZeros(parentSlicer.take(count - there, of: segments, &cut))
    }
}

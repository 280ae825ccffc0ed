import Glibc

/// A piece of a request that lies in one block.
private struct BlockPiece {
    var block: Int
    /// Bytes from the block's beginning.
    var offset: UInt64
    var count: UInt64

    var sectors: Range<Int> { Int(offset / 512)..<Int((offset + count) / 512) }
}

extension VHDImage {
    public func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = segments.byteCount
        try checkOpen()
        try checkRange(offset, count, file: file.name)
        guard let header else { return try file.read(into: segments, at: offset) }
        if let piece = single(header, offset, count), footer.kind == .dynamic {
            // The common request lies in one block: no list of pieces.
            guard let data = dataOffset(header, piece.block) else { return segments.fillWithZeros() }
            return try file.read(into: segments, at: data + piece.offset)
        }
        var walk = SegmentWalk(segments)
        var position = offset
        while position < offset + count {
            let piece = first(header, position, offset + count - position)
            try read(piece, header, &walk, at: position)
            position += piece.count
        }
    }

    private func read(
        _ piece: BlockPiece, _ header: VHDDynamicHeader, _ walk: inout SegmentWalk, at position: UInt64
    ) throws(DiskError) {
        guard let data = dataOffset(header, piece.block) else {
            return try walk.next(piece.count) { segments throws(DiskError) in try readBelow(segments, at: position, piece.count) }
        }
        guard footer.kind == .differencing else {
            return try walk.next(piece.count) { segments throws(DiskError) in
                try file.read(into: segments, at: data + piece.offset)
            }
        }
        let bitmap = try bitmap(header, piece.block)
        var sector = piece.sectors.lowerBound
        while sector < piece.sectors.upperBound {
            let isOwn = bitmap[sector]
            let end = bitmap.end(ofRunOf: isOwn, from: sector, to: piece.sectors.upperBound)
            let run = UInt64(end - sector) * 512
            let place = UInt64(sector) * 512
            try walk.next(run) { segments throws(DiskError) in
                if isOwn {
                    try file.read(into: segments, at: data + place)
                } else {
                    try readBelow(segments, at: position - piece.offset + place, run)
                }
            }
            sector = end
        }
    }

    /// What shows where this image holds nothing: the parent, and zeros behind its end.
    private func readBelow(_ segments: UnsafeBufferPointer<iovec>, at offset: UInt64, _ count: UInt64) throws(DiskError) {
        if isDetached {
            throw DiskError(.damaged, "The parent of “\(file.name)” is needed to read it.", file: file.name)
        }
        guard let parent, offset < parent.size else { return segments.fillWithZeros() }
        let inside = min(count, parent.size - offset)
        if inside == count { return try parent.read(into: segments, at: offset) }
        var walk = SegmentWalk(segments)
        try walk.next(inside) { segments throws(DiskError) in try parent.read(into: segments, at: offset) }
        try walk.next(count - inside) { segments throws(DiskError) in segments.fillWithZeros() }
    }

    public func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = segments.byteCount
        try checkWritable()
        try checkRange(offset, count, file: file.name)
        guard let header else { return try file.write(from: segments, at: offset) }
        if count == 0 { return }
        if let piece = single(header, offset, count) {
            let data = try allocate(header, piece.block)
            try file.write(from: segments, at: data + piece.offset)
            return try markWritten(header, piece.block, piece.sectors)
        }
        var walk = SegmentWalk(segments)
        var position = offset
        while position < offset + count {
            let piece = first(header, position, offset + count - position)
            let data = try allocate(header, piece.block)
            try walk.next(piece.count) { segments throws(DiskError) in try file.write(from: segments, at: data + piece.offset) }
            try markWritten(header, piece.block, piece.sectors)
            position += piece.count
        }
    }

    /// Whole 4 KiB pieces of blocks leave the file; a differencing disk goes on showing the parent where it holds nothing itself.
    public func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkWritable()
        try checkRange(offset, count, file: file.name)
        guard let header else { return }
        var position = offset
        while position < offset + count {
            let piece = first(header, position, offset + count - position)
            if let data = dataOffset(header, piece.block) {
                try file.punchHole(at: data + piece.offset, count: piece.count)
            }
            position += piece.count
        }
    }

    public func nextOwnRange(from offset: UInt64) throws(DiskError) -> Range<UInt64>? {
        try checkOpen()
        guard offset < size else { return nil }
        guard let header else { return offset..<size }
        let blockSize = UInt64(header.blockSize)
        var position = offset
        while position < size {
            let piece = first(header, position, size - position)
            defer { position = position / blockSize * blockSize + blockSize }
            guard dataOffset(header, piece.block) != nil else { continue }
            guard footer.kind == .differencing else { return position..<position + piece.count }
            let bitmap = try bitmap(header, piece.block)
            let start = bitmap.end(ofRunOf: false, from: piece.sectors.lowerBound, to: piece.sectors.upperBound)
            guard start < piece.sectors.upperBound else { continue }
            let end = bitmap.end(ofRunOf: true, from: start, to: piece.sectors.upperBound)
            let base = position / blockSize * blockSize
            return base + UInt64(start) * 512..<base + UInt64(end) * 512
        }
        return nil
    }

    private func first(_ header: VHDDynamicHeader, _ position: UInt64, _ left: UInt64) -> BlockPiece {
        let blockSize = UInt64(header.blockSize)
        let inside = position % blockSize
        return BlockPiece(block: Int(position / blockSize), offset: inside, count: min(left, blockSize - inside))
    }

    private func single(_ header: VHDDynamicHeader, _ position: UInt64, _ count: UInt64) -> BlockPiece? {
        let piece = first(header, position, count)
        return piece.count == count ? piece : nil
    }
}

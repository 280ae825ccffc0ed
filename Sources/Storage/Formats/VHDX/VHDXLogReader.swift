import Basics

/// One change that the log holds.
enum VHDXLogUpdate {
    /// 4096 bytes at `offset`; they lie in the log's sector at `sector`, its first eight and last four bytes in the descriptor.
    case page(offset: UInt64, sector: Int, descriptor: Int)
    case zeros(offset: UInt64, count: UInt64)
}

/// One whole and correct entry.
struct VHDXLogEntry {
    /// Bytes from the log's start.
    var position: Int
    var length: Int
    var sequence: UInt64
    /// Position of the oldest entry that is needed with this one.
    var tail: Int
    /// The file was at least as long when the entry was written.
    var flushedFileSize: UInt64
    /// The file must be at least as long after the replay.
    var lastFileSize: UInt64
    var updates: [VHDXLogUpdate]
}

/// Finds the entries that must be replayed (MS-VHDX 2.3.2, 2.3.3). Works on a copy of the log, which opening bounds to 64 MiB.
struct VHDXLogReader {
    let log: [UInt8]
    let identifier: GUID
    /// Where the log lies; no entry may change it.
    let range: Range<UInt64>

    /// The active sequence, oldest entry first; nil when there is no valid one.
    func activeEntries() -> [VHDXLogEntry]? {
        var entries: [Int: VHDXLogEntry] = [:]
        for position in stride(from: 0, to: log.count, by: 4096) { entries[position] = entry(at: position) }
        // An entry that continues another is no beginning; sequence numbers only grow, so that chains end.
        var continued: Set<Int> = []
        for entry in entries.values {
            let next = (entry.position + entry.length) % log.count
            if entries[next]?.sequence == entry.sequence &+ 1, entry.sequence != .max { continued.insert(next) }
        }
        var best: [VHDXLogEntry]?
        for start in entries.values where !continued.contains(start.position) {
            var chain = [start]
            var length = start.length
            while let last = chain.last, let next = entries[(last.position + last.length) % log.count], last.sequence != .max,
                next.sequence == last.sequence + 1, length + next.length <= log.count
            {
                chain.append(next)
                length += next.length
            }
            guard let last = chain.last, let tail = chain.firstIndex(where: { $0.position == last.tail }) else { continue }
            if last.sequence > best?.last?.sequence ?? 0 || best == nil { best = Array(chain[tail...]) }
        }
        return best
    }

    /// The 4096 bytes of an update.
    func bytes(sector: Int, descriptor: Int) -> [UInt8] {
        var result = Array(log[sector..<sector + 4096])
        result.replaceSubrange(0..<8, with: log[descriptor + 8..<descriptor + 16])
        result.replaceSubrange(4092..<4096, with: log[descriptor + 4..<descriptor + 8])
        return result
    }

    /// The entry whose first sector is at `position`; nil when anything about it is wrong.
    private func entry(at position: Int) -> VHDXLogEntry? {
        guard hasSignature("loge", at: position) else { return nil }
        let length = Int(log.littleEndian(UInt32.self, at: position + 8))
        let tail = Int(log.littleEndian(UInt32.self, at: position + 12))
        let sequence = log.littleEndian(UInt64.self, at: position + 16)
        let count = Int(log.littleEndian(UInt32.self, at: position + 24))
        guard length >= 4096, length % 4096 == 0, length <= log.count, tail < log.count, tail % 4096 == 0, sequence > 0,
            count <= (length - 64) / 32, log.guid(at: position + 32) == identifier
        else { return nil }

        var entry = VHDXLogEntry(
            position: position, length: length, sequence: sequence, tail: tail, flushedFileSize: log.littleEndian(at: position + 48),
            lastFileSize: log.littleEndian(at: position + 56), updates: [])
        let firstDataSector = (64 + count * 32 + 4095) / 4096
        var dataSector = firstDataSector
        for number in 0..<count {
            guard let update = update(entry, number, &dataSector) else { return nil }
            entry.updates.append(update)
        }
        guard dataSector * 4096 == length else { return nil }
        // Signatures first: they rule out that entries overlap, so that checksums cost at most one pass over the log.
        for sector in firstDataSector..<dataSector {
            let place = (position + sector * 4096) % log.count
            let found = UInt64(log.littleEndian(UInt32.self, at: place + 4)) << 32 | UInt64(log.littleEndian(UInt32.self, at: place + 4092))
            guard hasSignature("data", at: place), found == sequence else { return nil }
        }
        return checksum(of: entry) == log.littleEndian(UInt32.self, at: position + 4) ? entry : nil
    }

    private func update(_ entry: VHDXLogEntry, _ number: Int, _ dataSector: inout Int) -> VHDXLogUpdate? {
        let descriptor = (entry.position + 64 + number * 32) % log.count
        let offset = log.littleEndian(UInt64.self, at: descriptor + 16)
        guard log.littleEndian(UInt64.self, at: descriptor + 24) == entry.sequence, offset % 4096 == 0,
            offset >= VHDXLayout.firstLoggedOffset, offset < VHDXLayout.maximumFileSize
        else { return nil }
        let isPage = hasSignature("desc", at: descriptor)
        guard isPage || hasSignature("zero", at: descriptor) else { return nil }
        let count = isPage ? 4096 : log.littleEndian(UInt64.self, at: descriptor + 8)
        guard count % 4096 == 0, count <= VHDXLayout.maximumFileSize - offset, !range.overlaps(offset..<offset + count) else { return nil }
        guard isPage else { return .zeros(offset: offset, count: count) }
        guard (dataSector + 1) * 4096 <= entry.length else { return nil }
        defer { dataSector += 1 }
        return .page(offset: offset, sector: (entry.position + dataSector * 4096) % log.count, descriptor: descriptor)
    }

    private func hasSignature(_ text: StaticString, at position: Int) -> Bool {
        text.withUTF8Buffer { wanted in log[position..<position + wanted.count].elementsEqual(wanted) }
    }

    private func checksum(of entry: VHDXLogEntry) -> UInt32 {
        log.withUnsafeBytes { bytes in
            var sum = CRC32C()
            sum.add(UnsafeRawBufferPointer(rebasing: bytes[entry.position..<entry.position + 4]))
            withUnsafeBytes(of: UInt32(0)) { sum.add($0) }
            let end = entry.position + entry.length
            sum.add(UnsafeRawBufferPointer(rebasing: bytes[entry.position + 8..<min(end, log.count)]))
            if end > log.count { sum.add(UnsafeRawBufferPointer(rebasing: bytes[0..<end - log.count])) }
            return sum.value
        }
    }
}

import Basics
import Glibc

/// Brings the file to the state that its log promises (MS-VHDX 2.3.3).
enum VHDXReplay {
    /// The active entries of a log that is not empty; throws when there are none, or when they speak of another file.
    private static func entries(
        of file: any DiskFile, _ header: VHDXHeader, size: UInt64
    ) throws(DiskFormatError) -> (VHDXLogReader, [VHDXLogEntry]) {
        let range = header.logOffset..<header.logOffset + UInt64(header.logLength)
        let log = try file.formatBytes(at: range.lowerBound, count: Int(header.logLength))
        let reader = VHDXLogReader(log: log, identifier: header.logGUID, range: range)
        guard let entries = reader.activeEntries() else {
            throw DiskFormatError(
                .damaged, "“\(file.name)” was not closed and its log holds no valid entry.", file: file.name,
                action: "Restore the file from a backup.")
        }
        var zeros: UInt64 = 0
        for entry in entries {
            guard entry.flushedFileSize <= size else { throw .cutOff(file) }
            guard entry.lastFileSize <= VHDXLayout.maximumFileSize else {
                throw DiskFormatError(.damaged, "The log of “\(file.name)” makes the file impossibly long.", file: file.name)
            }
            for case .zeros(_, let count) in entry.updates { zeros = zeros &+ count }
        }
        guard zeros <= VHDXLayout.maximumReplayedZeros else {
            throw DiskFormatError(.damaged, "The log of “\(file.name)” clears more of the file than tables can take.", file: file.name)
        }
        return (reader, entries)
    }

    /// Replays into the file. Interrupted at any point, it can be done again; the caller then declares the log empty.
    static func apply(to file: any DiskFile, _ header: VHDXHeader, size: UInt64) throws(DiskFormatError) {
        let (reader, entries) = try entries(of: file, header, size: size)
        do throws(DiskError) {
            var size = size
            for entry in entries {
                if entry.lastFileSize > size {
                    try file.truncate(to: entry.lastFileSize)
                    size = entry.lastFileSize
                }
                for update in entry.updates {
                    switch update {
                    case .page(let offset, let sector, let descriptor):
                        try file.write(reader.bytes(sector: sector, descriptor: descriptor), at: offset)
                    case .zeros(let offset, let count): try file.writeZeros(at: offset, count: count)
                    }
                }
            }
            try file.synchronise()
        } catch { throw DiskFormatError(error, file: file.name) }
    }

    /// The file as it would be after the replay, for a reader who may not change it.
    static func overlay(over file: any DiskFile, _ header: VHDXHeader, size: UInt64) throws(DiskFormatError) -> VHDXReplayedFile {
        let (reader, entries) = try entries(of: file, header, size: size)
        let overlay = VHDXReplayedFile(file, size: max(size, entries.map(\.lastFileSize).max() ?? 0))
        for update in entries.flatMap(\.updates) {
            switch update {
            case .page(let offset, let sector, let descriptor):
                overlay.set(reader.bytes(sector: sector, descriptor: descriptor), at: offset)
            case .zeros(let offset, let count): overlay.clear(offset..<offset + count)
            }
        }
        return overlay
    }
}

extension DiskFile {
    /// Writes zeros, a MiB at a time.
    func writeZeros(at offset: UInt64, count: UInt64) throws(DiskError) {
        guard count > 0 else { return }
        let zeros = UnsafeMutableRawPointer.allocate(byteCount: Int(min(count, 1 << 20)), alignment: 4096)
        defer { zeros.deallocate() }
        memset(zeros, 0, Int(min(count, 1 << 20)))
        var done: UInt64 = 0
        while done < count {
            let part = min(count - done, 1 << 20)
            try write(from: zeros, count: Int(part), at: offset + done)
            done += part
        }
    }
}

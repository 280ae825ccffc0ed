import Basics

/// One of the two headers (MS-VHDX 2.2.2). The valid one with the greater sequence number counts.
struct VHDXHeader: Equatable {
    var sequence: UInt64
    /// New whenever an open image is first changed in any way.
    var fileWriteGUID: GUID
    /// New whenever the disk's content first changes after opening; differencing disks know their parent by it.
    var dataWriteGUID: GUID
    /// Marks the log entries that count; zero for an empty log.
    var logGUID: GUID
    var logVersion: UInt16 = 0
    var version: UInt16 = 1
    var logLength: UInt32
    var logOffset: UInt64

    init(sequence: UInt64, logLength: UInt32, logOffset: UInt64) {
        self.sequence = sequence
        (fileWriteGUID, dataWriteGUID, logGUID) = (GUID(), GUID(), VHDXLayout.noGUID)
        (self.logLength, self.logOffset) = (logLength, logOffset)
    }

    /// Nil when signature or checksum are wrong. `bytes` has the header's 4096.
    init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: Array("head".utf8)), bytes.littleEndian(UInt32.self, at: 4) == CRC32C.ofStructure(bytes) else {
            return nil
        }
        sequence = bytes.littleEndian(at: 8)
        (fileWriteGUID, dataWriteGUID, logGUID) = (bytes.guid(at: 16), bytes.guid(at: 32), bytes.guid(at: 48))
        (logVersion, version) = (bytes.littleEndian(at: 64), bytes.littleEndian(at: 66))
        (logLength, logOffset) = (bytes.littleEndian(at: 68), bytes.littleEndian(at: 72))
    }

    var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: VHDXLayout.headerSize)
        result.replaceSubrange(0..<4, with: Array("head".utf8))
        result.setLittleEndian(sequence, at: 8)
        result.setGUID(fileWriteGUID, at: 16)
        result.setGUID(dataWriteGUID, at: 32)
        result.setGUID(logGUID, at: 48)
        result.setLittleEndian(logVersion, at: 64)
        result.setLittleEndian(version, at: 66)
        result.setLittleEndian(logLength, at: 68)
        result.setLittleEndian(logOffset, at: 72)
        result.setLittleEndian(CRC32C.ofStructure(result), at: 4)
        return result
    }
}

/// The header that counts, and where it lies.
struct VHDXHeaderPair {
    private(set) var current: VHDXHeader
    private var slot: Int
    /// What is wrong with the other one, for a check.
    private(set) var problem: String?

    /// Reads both and checks the log's place.
    init(of file: any DiskFile, size: UInt64) throws(DiskFormatError) {
        var found: [VHDXHeader?] = []
        for offset in VHDXLayout.headerOffsets { found.append(VHDXHeader(try file.formatBytes(at: offset, count: VHDXLayout.headerSize))) }
        switch (found[0], found[1]) {
        case (nil, nil):
            throw DiskFormatError(
                .damaged, "Both headers of “\(file.name)” are damaged.", file: file.name, action: "Restore the file from a backup.")
        case (let header?, nil): (current, slot, problem) = (header, 0, "the second header is damaged")
        case (nil, let header?): (current, slot, problem) = (header, 1, "the first header is damaged")
        case (let first?, let second?):
            guard first.sequence != second.sequence || first == second else {
                throw DiskFormatError(
                    .damaged, "The two headers of “\(file.name)” contradict each other.", file: file.name,
                    action: "Restore the file from a backup.")
            }
            (current, slot) = first.sequence >= second.sequence ? (first, 0) : (second, 1)
        }
        guard current.version == 1 else {
            throw DiskFormatError(
                .newer, "“\(file.name)” is a VHDX of version \(current.version); only version 1 is known.", file: file.name,
                action: "Convert it to version 1 with the program that made it.")
        }
        let (offset, length) = (current.logOffset, UInt64(current.logLength))
        guard offset >= VHDXLayout.unit, offset % VHDXLayout.unit == 0, length > 0, length % VHDXLayout.unit == 0,
            offset <= VHDXLayout.maximumFileSize, current.sequence < UInt64.max - 1 << 32
        else { throw DiskFormatError(.damaged, "The header of “\(file.name)” gives the log an impossible place.", file: file.name) }
        guard length <= VHDXLayout.maximumLogLength else {
            throw DiskFormatError(.unsupported, "The log of “\(file.name)” is longer than 64 MiB.", file: file.name)
        }
        guard offset + length <= size else { throw .cutOff(file) }
        guard current.logVersion == 0 || current.logGUID == VHDXLayout.noGUID else {
            throw DiskFormatError(
                .newer, "The log of “\(file.name)” has version \(current.logVersion); only version 0 is known.", file: file.name,
                action: "Open it once with the program that used it last, so that it empties the log.")
        }
    }

    /// Changes both copies, one after the other, so that one is always whole and either alone tells the truth in the end (2.2.2.1).
    mutating func update(_ file: any DiskFile, _ change: (inout VHDXHeader) -> Void) throws(DiskError) {
        var next = current
        change(&next)
        for _ in 0..<2 {
            next.sequence = current.sequence + 1
            try file.write(next.bytes, at: VHDXLayout.headerOffsets[1 - slot])
            try file.synchronise()
            (current, slot) = (next, 1 - slot)
        }
        problem = nil
    }
}

extension DiskFormatError {
    static func cutOff(_ file: any DiskFile) -> DiskFormatError {
        DiskFormatError(
            .truncated, "“\(file.name)” ends before the image does.", file: file.name,
            action: "Copy the file again; part of it is missing.")
    }
}

extension DiskFile {
    /// Reads a structure; a failure is one of opening.
    func formatBytes(at offset: UInt64, count: Int) throws(DiskFormatError) -> [UInt8] {
        do throws(DiskError) { return try bytes(at: offset, count: count) } catch { throw DiskFormatError(error, file: name) }
    }

    func formatSize() throws(DiskFormatError) -> UInt64 {
        do throws(DiskError) { return try size() } catch { throw DiskFormatError(error, file: name) }
    }
}

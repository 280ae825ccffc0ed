import Glibc

/// A disk whose content lies in its file byte for byte: raw images and ISO 9660 discs.
public final class FlatDisk: MappedDisk, @unchecked Sendable {
    // Safety: one thread at a time uses a disk; nothing but `isClosed` changes.
    public let size: UInt64
    public let logicalSectorSize: Int
    public let physicalSectorSize: Int
    public let isReadOnly: Bool
    public let identifier: [UInt8]? = nil
    public let canDiscard: Bool
    public let parentDisk: (any Disk)? = nil
    private let file: any DiskFile
    private var isClosed = false

    /// A raw image: sectors of 512 bytes; what lies behind the last whole sector is not part of the disk.
    public static func raw(_ file: any DiskFile, readOnly: Bool) throws(DiskOpenError) -> FlatDisk {
        try FlatDisk(file, sectorSize: 512, readOnly: readOnly, kind: "raw disk")
    }

    /// An ISO 9660 disc: sectors of 2048 bytes, read-only. A volume descriptor must stand in sector 16 (ECMA-119 7.1), with `CD001`, or
    /// UDF's `BEA01` (ECMA-167 2/9.1.2).
    public static func iso(_ file: any DiskFile) throws(DiskOpenError) -> FlatDisk {
        let disk = try FlatDisk(file, sectorSize: 2048, readOnly: true, kind: "disc")
        let word: [UInt8]
        do throws(DiskError) { word = try file.bytes(at: 16 * 2048 + 1, count: 5) } catch { throw DiskOpenError(error) }
        guard word == Array("CD001".utf8) || word == Array("BEA01".utf8) else {
            throw DiskOpenError(
                .wrongFormat, "“\(file.name)” is not an ISO image: sector 16 holds no volume descriptor.", file: file.name,
                action: "Name an image of a CD or DVD.")
        }
        return disk
    }

    private init(_ file: any DiskFile, sectorSize: Int, readOnly: Bool, kind: String) throws(DiskOpenError) {
        let length: UInt64
        do throws(DiskError) { length = try file.size() } catch { throw DiskOpenError(error) }
        size = length / UInt64(sectorSize) * UInt64(sectorSize)
        guard size > 0 else {
            throw DiskOpenError(
                .truncated, "“\(file.name)” holds \(length) bytes, less than one sector of a \(kind).", file: file.name)
        }
        (self.file, logicalSectorSize, physicalSectorSize) = (file, sectorSize, sectorSize)
        isReadOnly = readOnly || file.isReadOnly
        canDiscard = !isReadOnly
    }

    public func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try check(offset, segments.byteCount)
        try file.read(into: segments, at: offset)
    }

    public func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try check(offset, segments.byteCount)
        try checkWritable()
        try file.write(from: segments, at: offset)
    }

    public func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        try check(offset, segments.byteCount)
        return try file.readAtOnce(into: segments, at: offset)
    }

    public func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        try check(offset, segments.byteCount)
        try checkWritable()
        return try file.writeAtOnce(from: segments, at: offset)
    }

    public func flush() throws(DiskError) {
        try checkOpen()
        if !isReadOnly { try file.synchronise() }
    }

    public func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        try check(offset, count)
        try checkWritable()
        try file.punchHole(at: offset, count: count)
    }

    public func close() throws(DiskError) {
        guard !isClosed else { return }
        defer {
            isClosed = true
            file.close()
        }
        try flush()
    }

    public func nextOwnRange(from offset: UInt64) throws(DiskError) -> Range<UInt64>? {
        try checkOpen()
        guard offset < size else { return nil }
        guard let host = file as? HostDiskFile else { return offset..<size }
        guard let range = try host.nextDataRange(from: offset) else { return nil }
        let sector = UInt64(logicalSectorSize)
        let (start, end) = (range.lowerBound / sector * sector, min(size, (range.upperBound + sector - 1) / sector * sector))
        return max(start, offset) < end ? max(start, offset)..<end : nil
    }
}

extension FlatDisk {
    private func checkOpen() throws(DiskError) {
        if isClosed { throw DiskError(.closed, "The disk “\(file.name)” is closed.", file: file.name) }
    }

    private func checkWritable() throws(DiskError) {
        if isReadOnly { throw DiskError(.readOnly, "The disk “\(file.name)” is read-only.", file: file.name) }
    }

    private func check(_ offset: UInt64, _ count: UInt64) throws(DiskError) {
        try checkOpen()
        try checkRange(offset, count, file: file.name)
    }
}

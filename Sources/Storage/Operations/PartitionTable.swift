/// Where the partitions of a disk end: shorter than that it must not become. Reads the master boot record's four entries and the GUID
/// partition table (UEFI Specification 2.10, 5.2 and 5.3).
package struct PartitionTable {
    /// Bytes: the smallest size that keeps every partition, and room for a GPT's second copy.
    package var minimumSize: UInt64

    /// What the disk's first sectors say; nil: there is no partition table, and nothing can be said.
    package init?(of disk: any Disk) throws(DiskError) {
        let sector = UInt64(disk.logicalSectorSize)
        guard disk.size >= 34 * sector else { return nil }
        let boot = try disk.bytes(at: 0, count: Int(sector))
        guard boot[510] == 0x55, boot[511] == 0xaa else { return nil }
        let entries = (0..<4).map { Array(boot[446 + $0 * 16..<462 + $0 * 16]) }
        if entries.contains(where: { $0[4] == 0xee }) {
            guard let end = try Self.endOfGPT(disk, sector) else { return nil }
            // The second copy: 32 sectors of 512 bytes for the entries, one for the header.
            let table = (128 * 128 + sector - 1) / sector * sector
            minimumSize = min(disk.size, end + table + sector)
            return
        }
        let used = entries.filter { $0[4] != 0 && $0.littleEndian(UInt32.self, at: 12) != 0 && ($0[0] == 0 || $0[0] == 0x80) }
        // A boot sector of a file system without partitions ends with the same two bytes.
        guard !used.isEmpty else { return nil }
        let ends = used.map { (UInt64($0.littleEndian(UInt32.self, at: 8)) + UInt64($0.littleEndian(UInt32.self, at: 12))) * sector }
        minimumSize = min(disk.size, ends.max() ?? disk.size)
    }

    private static func endOfGPT(_ disk: any Disk, _ sector: UInt64) throws(DiskError) -> UInt64? {
        let header = try disk.bytes(at: sector, count: Int(sector))
        guard Array(header[0..<8]) == Array("EFI PART".utf8) else { return nil }
        let (first, count, size) = (
            header.littleEndian(UInt64.self, at: 72), header.littleEndian(UInt32.self, at: 80), header.littleEndian(UInt32.self, at: 84)
        )
        guard count <= 1024, size >= 128, size <= 4096, first < disk.size / sector else { return nil }
        let byteCount = (UInt64(count) * UInt64(size) + sector - 1) / sector * sector
        guard byteCount <= disk.size - first * sector else { return nil }
        let table = try disk.bytes(at: first * sector, count: Int(byteCount))
        var end = (first + byteCount / sector) * sector
        for entry in 0..<Int(count) {
            let start = entry * Int(size)
            guard table[start..<start + 16].contains(where: { $0 != 0 }) else { continue }
            let last = table.littleEndian(UInt64.self, at: start + 40)
            guard last < disk.size / sector else { return disk.size }
            end = max(end, (last + 1) * sector)
        }
        return end
    }
}

import Basics

/// The list of the file's regions (MS-VHDX 2.2.3); two equal copies.
struct VHDXRegionTable {
    struct Region {
        var identifier: GUID
        var offset: UInt64
        var length: UInt64
        var isRequired: Bool
    }
    private(set) var regions: [Region]
    /// What is wrong with one of the copies, for a check.
    private(set) var problem: String?

    init(regions: [Region]) { self.regions = regions }

    /// Reads the first good copy and checks the regions against each other, the log and the file's size.
    init(of file: any DiskFile, size: UInt64, log: Range<UInt64>) throws(DiskFormatError) {
        var copies: [[Region]?] = []
        for offset in VHDXLayout.regionTableOffsets {
            copies.append(Self.parse(try file.formatBytes(at: offset, count: VHDXLayout.regionTableSize)))
        }
        guard let found = copies[0] ?? copies[1] else {
            throw DiskFormatError(
                .damaged, "Both region tables of “\(file.name)” are damaged.", file: file.name, action: "Restore the file from a backup.")
        }
        regions = found
        if copies[0] == nil { problem = "the first region table is damaged" }
        if copies[1] == nil { problem = "the second region table is damaged" }

        var taken = [log]
        var known: Set<GUID> = []
        for region in found {
            guard region.offset >= VHDXLayout.unit, region.offset % VHDXLayout.unit == 0, region.length > 0,
                region.length % VHDXLayout.unit == 0, region.offset <= VHDXLayout.maximumFileSize
            else { throw DiskFormatError(.damaged, "A region of “\(file.name)” has an impossible place.", file: file.name) }
            guard region.offset + region.length <= size else { throw .cutOff(file) }
            taken.append(region.offset..<region.offset + region.length)
            guard known.insert(region.identifier).inserted else {
                throw DiskFormatError(.damaged, "A region of “\(file.name)” is listed twice.", file: file.name)
            }
            guard !region.isRequired || [VHDXLayout.blockTableRegion, VHDXLayout.metadataRegion].contains(region.identifier) else {
                throw DiskFormatError(
                    .newer, "“\(file.name)” needs a feature that is not known here (region \(region.identifier)).", file: file.name)
            }
        }
        taken.sort { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(taken, taken.dropFirst()) where left.upperBound > right.lowerBound {
            throw DiskFormatError(.damaged, "Regions of “\(file.name)” overlap.", file: file.name)
        }
    }

    /// The region with `identifier`; its absence is damage.
    func region(_ identifier: GUID, in file: any DiskFile) throws(DiskFormatError) -> Region {
        guard let found = regions.first(where: { $0.identifier == identifier }) else {
            throw DiskFormatError(
                .damaged, "“\(file.name)” lacks the \(identifier == VHDXLayout.metadataRegion ? "metadata" : "block table") region.",
                file: file.name)
        }
        return found
    }

    /// Gives the block table another place.
    mutating func move(_ identifier: GUID, to offset: UInt64, length: UInt64) {
        for position in regions.indices where regions[position].identifier == identifier {
            (regions[position].offset, regions[position].length) = (offset, length)
        }
    }

    /// One copy: 64 KiB.
    var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: VHDXLayout.regionTableSize)
        result.replaceSubrange(0..<4, with: Array("regi".utf8))
        result.setLittleEndian(UInt32(regions.count), at: 8)
        for (position, region) in regions.enumerated() {
            let start = 16 + 32 * position
            result.setGUID(region.identifier, at: start)
            result.setLittleEndian(region.offset, at: start + 16)
            result.setLittleEndian(UInt32(truncatingIfNeeded: region.length), at: start + 24)
            result.setLittleEndian(UInt32(region.isRequired ? 1 : 0), at: start + 28)
        }
        result.setLittleEndian(CRC32C.ofStructure(result), at: 4)
        return result
    }

    private static func parse(_ bytes: [UInt8]) -> [Region]? {
        guard bytes.starts(with: Array("regi".utf8)), bytes.littleEndian(UInt32.self, at: 4) == CRC32C.ofStructure(bytes) else {
            return nil
        }
        let count = bytes.littleEndian(UInt32.self, at: 8)
        guard count <= VHDXLayout.maximumTableEntries else { return nil }
        return (0..<Int(count)).map { position in
            let start = 16 + 32 * position
            return Region(
                identifier: bytes.guid(at: start), offset: bytes.littleEndian(at: start + 16),
                length: UInt64(bytes.littleEndian(UInt32.self, at: start + 24)),
                isRequired: bytes.littleEndian(UInt32.self, at: start + 28) & 1 != 0)
        }
    }
}

import Basics
import Glibc

extension VHDXImage {
    /// Makes an empty image in `file`, whatever was there before. The signature is written when everything else is on stable storage:
    /// an interrupted creation leaves no image. The file stays open and the caller's.
    ///
    /// `isUnnamed`: nobody takes the file for an image before the caller has brought all of it to stable storage and given it its name;
    /// nothing of it is there yet then.
    public static func create(on file: any DiskFile, _ options: VHDXOptions, isUnnamed: Bool = false) throws(DiskFormatError) {
        try options.check(file)
        let geometry = VHDXGeometry(
            blockSize: options.chosenBlockSize, logicalSectorSize: options.logicalSectorSize, hasParent: options.kind == .differencing)
        let unit = VHDXLayout.unit
        let tableLength = VHDXLayout.roundUp(UInt64(geometry.entries(for: options.size)) * 8, to: unit)
        // As New-VHD lays it out: headers, log, metadata and block table, a MiB each at least, then the blocks.
        let log = unit..<2 * unit
        let metadata = 2 * unit..<3 * unit
        let table = 3 * unit..<3 * unit + tableLength
        guard let items = metadataRegion(options) else {
            throw DiskFormatError(.invalidOption, "The path of the parent is too long for a VHDX.", file: file.name)
        }
        do throws(DiskError) {
            try file.truncate(to: 0)
            try file.truncate(to: table.upperBound)
            // Later writes to the tables must not fail for want of room; very large ones would cost more than that is worth.
            try file.allocate(at: 0, count: min(table.upperBound, 64 << 20))
            if options.kind == .fixed { try layOutFixedBlocks(file, geometry, options.size, table) }

            var header = VHDXHeader(sequence: 1, logLength: UInt32(unit), logOffset: log.lowerBound)
            for offset in VHDXLayout.headerOffsets {
                try file.write(header.bytes, at: offset)
                header.sequence += 1
            }
            let regions = VHDXRegionTable(regions: [
                .init(identifier: VHDXLayout.blockTableRegion, offset: table.lowerBound, length: tableLength, isRequired: true),
                .init(identifier: VHDXLayout.metadataRegion, offset: metadata.lowerBound, length: unit, isRequired: true),
            ])
            for offset in VHDXLayout.regionTableOffsets { try write(regions.bytes, to: file, at: offset) }
            try write(items, to: file, at: metadata.lowerBound)
            if !isUnnamed { try file.synchronise() }

            var identifier = VHDXLayout.signature
            for unit in "Lunavisor".utf16 { identifier += [UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8)] }
            try file.write(identifier, at: 0)
            if !isUnnamed { try file.synchronise() }
        } catch { throw DiskFormatError(error, file: file.name) }
    }

    /// Writes what holds anything of tables that are zeros for the most part, into a file that is all zeros there.
    private static func write(_ table: [UInt8], to file: any DiskFile, at offset: UInt64) throws(DiskError) {
        let page = 4096
        var start = 0
        while start < table.count {
            let end = min(start + page, table.count)
            if table[start..<end].contains(where: { $0 != 0 }) { try file.write(Array(table[start..<end]), at: offset + UInt64(start)) }
            start = end
        }
    }

    /// Table and items; nil when the parent locator does not fit.
    private static func metadataRegion(_ options: VHDXOptions) -> [UInt8]? {
        typealias Entry = VHDXMetadata.Entry
        var parameters = [UInt8](repeating: 0, count: 8)
        parameters.setLittleEndian(UInt32(options.chosenBlockSize), at: 0)
        parameters[4] = options.kind == .fixed ? 1 : options.kind == .differencing ? 2 : 0
        let ofDisk = Entry.isRequired | Entry.isVirtualDisk
        var items: [(identifier: GUID, flags: UInt32, bytes: [UInt8])] = [
            (VHDXLayout.fileParametersItem, Entry.isRequired, parameters),
            (VHDXLayout.diskSizeItem, ofDisk, [UInt8](littleEndian: options.size)),
            (VHDXLayout.identifierItem, ofDisk, (options.diskIdentifier ?? GUID()).bytes),
            (VHDXLayout.logicalSectorItem, ofDisk, [UInt8](littleEndian: UInt32(options.logicalSectorSize))),
            (VHDXLayout.physicalSectorItem, ofDisk, [UInt8](littleEndian: UInt32(options.physicalSectorSize))),
        ]
        if let parent = options.parent {
            guard let locator = parent.item else { return nil }
            items.append((VHDXLayout.parentLocatorItem, Entry.isRequired, locator))
        }
        var region = [UInt8](repeating: 0, count: VHDXLayout.regionTableSize)
        region.replaceSubrange(0..<8, with: Array("metadata".utf8))
        region.setLittleEndian(UInt16(items.count), at: 10)
        for (position, item) in items.enumerated() {
            let start = 32 + 32 * position
            region.setGUID(item.identifier, at: start)
            region.setLittleEndian(UInt32(region.count), at: start + 16)
            region.setLittleEndian(UInt32(item.bytes.count), at: start + 20)
            region.setLittleEndian(item.flags, at: start + 24)
            region += item.bytes
        }
        return region
    }

    /// All blocks of a fixed disk, one after the other behind the table.
    private static func layOutFixedBlocks(
        _ file: any DiskFile, _ geometry: VHDXGeometry, _ size: UInt64, _ table: Range<UInt64>
    ) throws(DiskError) {
        let blocks = geometry.blocks(in: size)
        let end = table.upperBound + UInt64(blocks) << geometry.blockShift
        try file.allocate(at: table.upperBound, count: end - table.upperBound)
        try file.truncate(to: end)
        try writeFixedEntries(file, geometry, 0..<blocks, firstPlace: table.upperBound, table.lowerBound)
    }

    /// Table entries of neighbouring blocks that lie one after the other, straight to the file.
    private static func writeFixedEntries(
        _ file: any DiskFile, _ geometry: VHDXGeometry, _ blocks: Range<Int>, firstPlace: UInt64, _ tableOffset: UInt64
    ) throws(DiskError) {
        let entriesPerPiece = 1 << 16
        var block = blocks.lowerBound
        while block < blocks.upperBound {
            let firstIndex = geometry.index(block)
            var piece = [UInt8](repeating: 0, count: entriesPerPiece * 8)
            var used = 0
            while block < blocks.upperBound, geometry.index(block) - firstIndex < entriesPerPiece {
                let position = geometry.index(block) - firstIndex
                let place = firstPlace + UInt64(block - blocks.lowerBound) << geometry.blockShift
                piece.setLittleEndian(place | VHDXBlockState.present.rawValue, at: position * 8)
                used = position + 1
                block += 1
            }
            try file.write(Array(piece[..<(used * 8)]), at: tableOffset + UInt64(firstIndex) * 8)
        }
    }
}

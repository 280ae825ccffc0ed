import Basics

/// Reads and checks all that stands in a VHDX file apart from the disk's content. Nothing in the file is believed before it was checked:
/// places lie in the file, no two things overlap, and memory grows only with entries that are there.
struct VHDXOpening {
    /// The file, or what its log makes of it.
    let file: any DiskFile
    /// Bytes.
    let size: UInt64
    private(set) var header: VHDXHeaderPair
    let regions: VHDXRegionTable
    let metadata: VHDXMetadata
    let geometry: VHDXGeometry
    let table: VHDXBlockTable
    private(set) var room = VHDXRoom()
    /// The file was not closed by its last user.
    let wasDirty: Bool

    init(_ file: any DiskFile, readOnly: Bool) throws(DiskFormatError) {
        let foundSize = try file.formatSize()
        guard try file.formatBytes(at: 0, count: 8) == VHDXLayout.signature else {
            throw DiskFormatError(
                .notThisFormat, "“\(file.name)” is not a VHDX file, or its creation was not completed.", file: file.name,
                action: "Check the path; Get-VHD shows what a disk file is.")
        }
        guard foundSize >= 2 * VHDXLayout.unit else { throw .cutOff(file) }
        guard foundSize <= VHDXLayout.maximumFileSize else {
            throw DiskFormatError(.unsupported, "“\(file.name)” is longer than 256 TiB.", file: file.name)
        }
        header = try VHDXHeaderPair(of: file, size: foundSize)
        wasDirty = header.current.logGUID != VHDXLayout.noGUID
        self.file = try Self.replayed(file, &header, size: foundSize, readOnly: readOnly)
        size = wasDirty ? try self.file.formatSize() : foundSize

        let logStart = header.current.logOffset
        let log = logStart..<logStart + UInt64(header.current.logLength)
        regions = try VHDXRegionTable(of: self.file, size: size, log: log)
        metadata = try VHDXMetadata(of: self.file, in: try regions.region(VHDXLayout.metadataRegion, in: file))
        geometry = VHDXGeometry(
            blockSize: metadata.blockSize, logicalSectorSize: metadata.logicalSectorSize, hasParent: metadata.hasParent)

        let region = try regions.region(VHDXLayout.blockTableRegion, in: file)
        let needed = geometry.entries(for: metadata.diskSize)
        guard UInt64(needed) * 8 <= region.length else {
            throw DiskFormatError(.damaged, "The block table of “\(file.name)” is too short for the disk.", file: file.name)
        }
        guard let table = VHDXBlockTable(capacity: Int(region.length / 8), offset: region.offset) else {
            throw DiskFormatError(.failed, "No memory for the block table of “\(file.name)”.", file: file.name)
        }
        self.table = table
        do throws(DiskError) { try table.load(count: needed, from: self.file) } catch { throw DiskFormatError(error, file: file.name) }
        try occupyFixedPlaces(log)
        try checkBlocks(log)
    }

    private static func replayed(
        _ file: any DiskFile, _ header: inout VHDXHeaderPair, size: UInt64, readOnly: Bool
    ) throws(DiskFormatError) -> any DiskFile {
        guard header.current.logGUID != VHDXLayout.noGUID else { return file }
        if readOnly { return try VHDXReplay.overlay(over: file, header.current, size: size) }
        try VHDXReplay.apply(to: file, header.current, size: size)
        do throws(DiskError) {
            try header.update(file) { $0.logGUID = VHDXLayout.noGUID }
        } catch { throw DiskFormatError(error, file: file.name) }
        return file
    }

    private mutating func occupyFixedPlaces(_ log: Range<UInt64>) throws(DiskFormatError) {
        let places = [0..<VHDXLayout.unit, log] + regions.regions.map { $0.offset..<$0.offset + $0.length }
        for place in places {
            guard room.take(Int(place.lowerBound >> VHDXLayout.unitShift)..<Int(place.upperBound >> VHDXLayout.unitShift)) else {
                throw DiskFormatError(.damaged, "Regions of “\(file.name)” overlap.", file: file.name)
            }
        }
    }

    private mutating func checkBlocks(_ log: Range<UInt64>) throws(DiskFormatError) {
        let blocks = geometry.blocks(in: metadata.diskSize)
        let blocksPerChunk = 1 << Int(geometry.chunkShift)
        var first = 0
        while first < blocks {
            let chunk = geometry.chunk(of: first)
            let bitmapIndex = geometry.bitmapIndex(chunk: chunk)
            let hasBitmap = bitmapIndex < geometry.entries(for: metadata.diskSize) && table.state(bitmapIndex) == .present
            if hasBitmap { try occupy(bitmapIndex, units: 1, bytes: VHDXLayout.unit) }
            for block in first..<min(first + blocksPerChunk, blocks) {
                let index = geometry.index(block)
                guard table[index] != 0 else { continue }
                try checkBlock(block, index, hasBitmap: hasBitmap)
            }
            first += blocksPerChunk
        }
    }

    private mutating func checkBlock(_ block: Int, _ index: Int, hasBitmap: Bool) throws(DiskFormatError) {
        guard let state = table.state(index) else {
            throw DiskFormatError(.damaged, "Block \(block) of “\(file.name)” has an unknown state.", file: file.name)
        }
        guard state == .present || state == .partial else { return }
        guard state == .present || metadata.hasParent && hasBitmap else {
            throw DiskFormatError(.damaged, "Block \(block) of “\(file.name)” lacks its sector bitmap.", file: file.name)
        }
        let bytes = min(geometry.blockSize, metadata.diskSize - UInt64(block) << geometry.blockShift)
        try occupy(index, units: geometry.unitsPerBlock, bytes: bytes)
    }

    private mutating func occupy(_ index: Int, units: Int, bytes: UInt64) throws(DiskFormatError) {
        let place = table.place(index)
        guard place <= VHDXLayout.maximumFileSize, place + bytes <= size else {
            throw DiskFormatError(
                .truncated, "“\(file.name)” ends before its blocks do.", file: file.name,
                action: "Copy the file again; part of it is missing.")
        }
        let start = Int(place >> VHDXLayout.unitShift)
        guard room.take(start..<start + units) else {
            throw DiskFormatError(.damaged, "Two parts of “\(file.name)” claim the same place in the file.", file: file.name)
        }
    }
}

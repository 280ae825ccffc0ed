import Basics

/// The metadata table and the items that we know (MS-VHDX 2.6).
struct VHDXMetadata {
    /// Where an item lies, counted from the region's start.
    struct Entry {
        var identifier: GUID
        var offset: UInt32
        var length: UInt32
        var flags: UInt32
        /// `flags`
        static let isUser: UInt32 = 1
        static let isVirtualDisk: UInt32 = 2
        static let isRequired: UInt32 = 4
    }
    let region: VHDXRegionTable.Region
    private(set) var entries: [Entry] = []

    var blockSize: UInt64 = 0
    var isFixed = false
    var hasParent = false
    var diskSize: UInt64 = 0
    var diskIdentifier = VHDXLayout.noGUID
    var logicalSectorSize = 0
    var physicalSectorSize = 0
    var parentLink: VHDXParentLink?

    var kind: DiskKind { hasParent ? .differencing : isFixed ? .fixed : .dynamic }

    /// Reads and checks all that is known, and that nothing unknown is required.
    init(of file: any DiskFile, in region: VHDXRegionTable.Region) throws(DiskFormatError) {
        self.region = region
        let table = try file.formatBytes(at: region.offset, count: VHDXLayout.regionTableSize)
        let count = Int(table.littleEndian(UInt16.self, at: 10))
        guard table.starts(with: Array("metadata".utf8)), count <= VHDXLayout.maximumTableEntries else {
            throw DiskFormatError(.damaged, "The metadata table of “\(file.name)” is damaged.", file: file.name)
        }
        entries = (0..<count).map { position in
            let start = 32 + 32 * position
            return Entry(
                identifier: table.guid(at: start), offset: table.littleEndian(at: start + 16), length: table.littleEndian(at: start + 20),
                flags: table.littleEndian(at: start + 24))
        }
        try checkPlaces(file)
        for entry in entries { try read(entry, file) }
        try checkValues(file)
    }

    /// Place of an item in the file, and its length.
    func place(of identifier: GUID) -> (position: Int, entry: Entry)? {
        entries.enumerated().first { $1.identifier == identifier && $1.flags & Entry.isUser == 0 }.map { ($0, $1) }
    }

    /// First place in the region for an item of `length` bytes at a page's start, as an offset from the region's; nil when there is none.
    func room(for length: Int) -> UInt32? {
        let taken = entries.filter { $0.length > 0 }.map { UInt64($0.offset)..<UInt64($0.offset) + UInt64($0.length) }
        var start = UInt64(VHDXLayout.regionTableSize)
        for range in taken.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if start + UInt64(length) <= range.lowerBound { break }
            start = VHDXLayout.roundUp(max(start, range.upperBound), to: VHDXLayout.page)
        }
        return start + UInt64(length) <= region.length ? UInt32(start) : nil
    }

    mutating func move(_ position: Int, to offset: UInt32, length: Int) {
        entries[position].offset = offset
        entries[position].length = UInt32(length)
    }

    private func checkPlaces(_ file: any DiskFile) throws(DiskFormatError) {
        struct Name: Hashable {
            var identifier: GUID
            var isUser: Bool
        }
        var names: Set<Name> = []
        var ranges: [Range<UInt64>] = []
        for entry in entries {
            guard names.insert(Name(identifier: entry.identifier, isUser: entry.flags & Entry.isUser != 0)).inserted else {
                throw DiskFormatError(.damaged, "A metadata item of “\(file.name)” is listed twice.", file: file.name)
            }
            guard entry.length > 0 else { continue }
            let end = UInt64(entry.offset) + UInt64(entry.length)
            guard entry.offset >= VHDXLayout.regionTableSize, entry.length <= 1 << 20, end <= region.length else {
                throw DiskFormatError(.damaged, "A metadata item of “\(file.name)” lies outside of its region.", file: file.name)
            }
            ranges.append(UInt64(entry.offset)..<end)
        }
        ranges.sort { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(ranges, ranges.dropFirst()) where left.upperBound > right.lowerBound {
            throw DiskFormatError(.damaged, "Metadata items of “\(file.name)” overlap.", file: file.name)
        }
    }

    private mutating func read(_ entry: Entry, _ file: any DiskFile) throws(DiskFormatError) {
        let known: [GUID: UInt32] = [
            VHDXLayout.fileParametersItem: 8, VHDXLayout.diskSizeItem: 8, VHDXLayout.identifierItem: 16, VHDXLayout.logicalSectorItem: 4,
            VHDXLayout.physicalSectorItem: 4,
        ]
        guard entry.flags & Entry.isUser == 0, entry.identifier != VHDXLayout.incompleteItem,
            known[entry.identifier] != nil || entry.identifier == VHDXLayout.parentLocatorItem
        else {
            if entry.identifier == VHDXLayout.incompleteItem {
                throw DiskFormatError(
                    .notThisFormat, "The creation of “\(file.name)” was not completed.", file: file.name, action: "Create it again.")
            }
            guard entry.flags & Entry.isRequired == 0 else {
                throw DiskFormatError(
                    .newer, "“\(file.name)” needs a feature that is not known here (item \(entry.identifier)).", file: file.name)
            }
            return
        }
        guard entry.length >= known[entry.identifier] ?? 20 else {
            throw DiskFormatError(.damaged, "A metadata item of “\(file.name)” is too short.", file: file.name)
        }
        let item = try file.formatBytes(at: region.offset + UInt64(entry.offset), count: Int(entry.length))
        switch entry.identifier {
        case VHDXLayout.fileParametersItem:
            blockSize = UInt64(item.littleEndian(UInt32.self, at: 0))
            isFixed = item[4] & 1 != 0
            hasParent = item[4] & 2 != 0
        case VHDXLayout.diskSizeItem: diskSize = item.littleEndian(at: 0)
        case VHDXLayout.identifierItem: diskIdentifier = item.guid(at: 0)
        case VHDXLayout.logicalSectorItem: logicalSectorSize = Int(item.littleEndian(UInt32.self, at: 0))
        case VHDXLayout.physicalSectorItem: physicalSectorSize = Int(item.littleEndian(UInt32.self, at: 0))
        default: parentLink = VHDXParentLink(item)
        }
    }

    private func checkValues(_ file: any DiskFile) throws(DiskFormatError) {
        func damaged(_ what: String) -> DiskFormatError { DiskFormatError(.damaged, "“\(file.name)” \(what).", file: file.name) }
        let required = [
            VHDXLayout.fileParametersItem, VHDXLayout.diskSizeItem, VHDXLayout.identifierItem, VHDXLayout.logicalSectorItem,
            VHDXLayout.physicalSectorItem,
        ]
        guard required.allSatisfy({ place(of: $0) != nil }) else { throw damaged("lacks a metadata item that every disk has") }
        guard [512, 4096].contains(logicalSectorSize), [512, 4096].contains(physicalSectorSize) else {
            throw damaged("has sectors of an impossible size")
        }
        guard blockSize.nonzeroBitCount == 1, blockSize >= VHDXLayout.minimumBlockSize, blockSize <= VHDXLayout.maximumBlockSize else {
            throw damaged("has blocks of an impossible size (\(blockSize) bytes)")
        }
        guard diskSize > 0, diskSize <= VHDXLayout.maximumDiskSize, diskSize % UInt64(logicalSectorSize) == 0 else {
            throw damaged("has an impossible disk size (\(diskSize) bytes)")
        }
        guard !hasParent || parentLink != nil else { throw damaged("does not say where its parent is") }
    }
}

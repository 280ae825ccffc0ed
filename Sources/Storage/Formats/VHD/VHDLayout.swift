import Basics

/// A VHD's structures, read and checked; nothing of the disk's content.
///
///     fixed:    content ............................................. footer
///     others:   footer copy | header | table | paths | block | block ... footer
///     a block:  one bit per sector, in whole sectors | the sectors
struct VHDLayout {
    var footer: VHDFooter
    /// nil: a fixed disk.
    var header: VHDDynamicHeader?
    /// First sector of each block's bitmap; all ones: the file holds nothing of it.
    var table: [UInt32] = []
    var parentLink: VHDParentLink?
    /// Bytes in the file.
    var fileSize: UInt64
    /// Where the last footer stands, or belongs.
    var footerOffset: UInt64
    /// The footer at the end is missing or is not the one at the beginning: an image that was not closed.
    var needsFooter = false
    /// The copy at the beginning is missing or is not the last footer: it must be made anew before the last footer may move.
    var needsCopy = false

    static let unused: UInt32 = 0xffff_ffff

    /// Entries in a table: enough for blocks of 4 KiB on the smallest and of 2 MiB on the largest disks; bounds memory to 64 MiB.
    static let mostEntries: UInt32 = 16 << 20

    init(_ file: any DiskFile) throws(DiskFormatError) {
        let name = file.name
        fileSize = try file.length()
        guard fileSize >= 512 else {
            throw DiskFormatError(.notThisFormat, "“\(name)” holds \(fileSize) bytes and so is no VHD.", file: name)
        }
        let (last, first) = (try file.structure(at: fileSize - 512, count: 512), try file.structure(at: 0, count: 512))
        (footer, needsFooter) = try Self.footer(last: last, first: first, name: name)
        footerOffset = needsFooter ? (fileSize + 511) / 512 * 512 : fileSize - 512
        needsCopy = footer.kind != .fixed && !needsFooter && first != last
        guard footer.kind != .fixed else {
            guard footer.size <= fileSize - 512 else { throw Self.truncated(name, needs: footer.size + 512, has: fileSize) }
            return
        }
        guard footer.headerOffset <= fileSize, UInt64(VHDDynamicHeader.byteCount) <= fileSize - footer.headerOffset else {
            throw Self.truncated(name, needs: footer.headerOffset &+ 1024, has: fileSize)
        }
        let header = try VHDDynamicHeader(
            try file.structure(at: footer.headerOffset, count: VHDDynamicHeader.byteCount), file: name)
        self.header = header
        try readTable(file, header)
        try checkBlocks(name, header)
        if footer.kind == .differencing { parentLink = try Self.parentLink(file, header, fileSize: fileSize) }
    }

    /// The footer at the end counts; where it was lost, the copy at the beginning of an image that has a header.
    private static func footer(last: [UInt8], first: [UInt8], name: String) throws(DiskFormatError) -> (VHDFooter, Bool) {
        var failure: DiskFormatError?
        do throws(DiskFormatError) {
            if let footer = try VHDFooter(last, file: name) { return (footer, false) }
        } catch {
            failure = error
        }
        do throws(DiskFormatError) {
            if let footer = try VHDFooter(first, file: name), footer.kind != .fixed { return (footer, true) }
        } catch {
            failure = error
        }
        throw failure
            ?? DiskFormatError(
                .notThisFormat, "“\(name)” is not a VHD: it has no footer.", file: name,
                action: "Name a file of that format, or give the format it has.")
    }

    private mutating func readTable(_ file: any DiskFile, _ header: VHDDynamicHeader) throws(DiskFormatError) {
        let blocks = (footer.size + UInt64(header.blockSize) - 1) / UInt64(header.blockSize)
        guard header.entryCount <= Self.mostEntries, UInt64(header.entryCount) >= blocks else {
            throw DiskFormatError(
                .damaged, "The table of “\(file.name)” has \(header.entryCount) entries; its size asks for \(blocks).", file: file.name)
        }
        let count = Int(header.entryCount) * 4
        guard header.tableOffset <= fileSize, UInt64(count) <= fileSize - header.tableOffset, header.tableOffset % 512 == 0 else {
            throw Self.truncated(file.name, needs: header.tableOffset &+ UInt64(count), has: fileSize)
        }
        let bytes = try file.structure(at: header.tableOffset, count: count)
        table = (0..<Int(header.entryCount)).map { bytes.bigEndian32(at: $0 * 4) }
    }

    /// No block may lie outside the file, on a structure or on another block: writing it would destroy them.
    private func checkBlocks(_ name: String, _ header: VHDDynamicHeader) throws(DiskFormatError) {
        let blockBytes = header.blockBytes
        let room = footerOffset / 512
        var regions = Self.structures(footer, header, fileSize: fileSize)
        for entry in table where entry != Self.unused {
            let start = UInt64(entry)
            guard start + blockBytes / 512 <= room else {
                throw Self.truncated(name, needs: start * 512 + blockBytes + 512, has: fileSize)
            }
            regions.append(start * 512..<start * 512 + blockBytes)
        }
        regions.sort { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(regions, regions.dropFirst()) where left.upperBound > right.lowerBound {
            throw DiskFormatError(
                .damaged, "In “\(name)” two parts lie on one another at byte \(right.lowerBound).", file: name)
        }
    }

    /// What lies in the file beside blocks and the last footer.
    static func structures(_ footer: VHDFooter, _ header: VHDDynamicHeader, fileSize: UInt64) -> [Range<UInt64>] {
        var regions = [
            0..<512, footer.headerOffset..<footer.headerOffset + UInt64(VHDDynamicHeader.byteCount),
            header.tableOffset..<header.tableOffset + (UInt64(header.entryCount) * 4 + 511) / 512 * 512,
        ]
        for locator in header.locators where locator.platform != 0 && locator.length > 0 && footer.kind == .differencing {
            guard locator.offset <= fileSize, UInt64(locator.length) <= fileSize - locator.offset else { continue }
            regions.append(locator.offset..<locator.offset + (UInt64(locator.length) + 511) / 512 * 512)
        }
        return regions
    }

    private static func parentLink(
        _ file: any DiskFile, _ header: VHDDynamicHeader, fileSize: UInt64
    ) throws(DiskFormatError) -> VHDParentLink {
        var link = VHDParentLink(identifier: GUID(bytes: header.parentIdentifier), relativePath: nil, absolutePath: nil)
        for locator in header.locators
        where locator.platform == VHDDynamicHeader.Locator.relative || locator.platform == VHDDynamicHeader.Locator.absolute {
            guard locator.length > 0, locator.length <= 65536, locator.offset <= fileSize,
                UInt64(locator.length) <= fileSize - locator.offset
            else {
                throw DiskFormatError(.damaged, "“\(file.name)” says that a path of its parent lies outside the file.", file: file.name)
            }
            let bytes = try file.structure(at: locator.offset, count: Int(locator.length))
            let isRelative = locator.platform == VHDDynamicHeader.Locator.relative
            let path = VHDParentLink.decode(bytes, isRelative: isRelative)
            if isRelative { link.relativePath = link.relativePath ?? path } else { link.absolutePath = link.absolutePath ?? path }
        }
        return link
    }

    private static func truncated(_ name: String, needs: UInt64, has: UInt64) -> DiskFormatError {
        DiskFormatError(
            .truncated, "“\(name)” is too short: it should hold \(needs) bytes and holds \(has).", file: name,
            action: "Copy it again from where it came.")
    }
}

extension VHDDynamicHeader {
    /// Bytes of a block's bitmap, in whole sectors.
    var bitmapBytes: UInt64 { (UInt64(blockSize) / 512 / 8 + 511) / 512 * 512 }
    /// Bytes of a block with its bitmap.
    var blockBytes: UInt64 { bitmapBytes + UInt64(blockSize) }
}

/// Reading a file's structures while it is opened.
extension DiskFile {
    func length() throws(DiskFormatError) -> UInt64 {
        do throws(DiskError) { return try size() } catch { throw DiskFormatError(error, file: name) }
    }

    func structure(at offset: UInt64, count: Int) throws(DiskFormatError) -> [UInt8] {
        do throws(DiskError) { return try bytes(at: offset, count: count) } catch { throw DiskFormatError(error, file: name) }
    }
}

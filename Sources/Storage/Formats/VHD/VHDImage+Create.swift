import Basics

/// What to make.
public struct VHDOptions: Sendable {
    /// Bytes, a multiple of 512, at most 2040 GiB.
    public var size: UInt64
    public var kind: DiskKind
    /// Bytes, a power of two from 4 KiB to 256 MiB; nil: 2 MiB. Hyper-V knows 512 KiB and 2 MiB.
    public var blockSize: UInt32?
    /// Exactly for a differencing disk.
    public var parent: VHDParentLink?
    /// nil: a random one.
    public var diskIdentifier: GUID?

    public init(size: UInt64, kind: DiskKind) { (self.size, self.kind) = (size, kind) }
}

extension VHDImage {
    /// Writes an empty image into `file`, which is emptied first and stays open. An image is whole only when the last footer is there.
    public static func create(on file: any DiskFile, _ options: VHDOptions) throws(DiskFormatError) {
        guard options.size >= 512, options.size % 512 == 0, options.size <= VHDFooter.greatestSize else {
            throw DiskFormatError(
                .invalidOption, "A VHD cannot have \(options.size) bytes: it is whole sectors of 512 bytes and at most 2040 GiB.",
                file: file.name, action: "Larger disks can be VHDX.")
        }
        guard (options.kind == .differencing) == (options.parent != nil) else {
            throw DiskFormatError(.invalidOption, "A differencing disk, and no other, has a parent.", file: file.name)
        }
        var footer = VHDFooter(
            kind: options.kind, size: options.size, identifier: options.diskIdentifier ?? GUID(), timestamp: VHDFooter.timestampNow())
        do throws(DiskError) { try file.truncate(to: 0) } catch { throw DiskFormatError(error, file: file.name) }
        if options.kind == .fixed {
            footer.headerOffset = .max
            return try createFixed(file, footer)
        }
        let blockSize = options.blockSize ?? 2 << 20
        guard blockSize.nonzeroBitCount == 1, (4096...256 << 20).contains(blockSize) else {
            throw DiskFormatError(
                .invalidOption, "A block of \(blockSize) bytes is not possible: a power of two from 4 KiB to 256 MiB.", file: file.name)
        }
        let entries = (options.size + UInt64(blockSize) - 1) / UInt64(blockSize)
        guard entries <= UInt64(VHDLayout.mostEntries) else {
            throw DiskFormatError(
                .invalidOption, "Blocks of \(blockSize) bytes are too small for a disk of \(options.size) bytes.", file: file.name)
        }
        try createDynamic(file, footer, blockSize: blockSize, entries: UInt32(entries), parent: options.parent)
    }

    private static func createFixed(_ file: any DiskFile, _ footer: VHDFooter) throws(DiskFormatError) {
        do throws(DiskError) {
            try file.allocate(at: 0, count: footer.size + 512)
            try file.write(footer.bytes, at: footer.size)
            try file.synchronise()
        } catch {
            throw DiskFormatError(error, file: file.name)
        }
    }

    private static func createDynamic(
        _ file: any DiskFile, _ footer: VHDFooter, blockSize: UInt32, entries: UInt32, parent: VHDParentLink?
    ) throws(DiskFormatError) {
        let tableBytes = (UInt64(entries) * 4 + 511) / 512 * 512
        var header = VHDDynamicHeader(tableOffset: 1536, entryCount: entries, blockSize: blockSize)
        var end = header.tableOffset + tableBytes
        if let parent {
            header.locators = locators(at: end)
            end += UInt64(header.locators.count) * UInt64(VHDParentLink.locatorSpace)
            try write(parent, file, &header)
        }
        do throws(DiskError) {
            let table = [UInt8](repeating: 0xff, count: Int(min(tableBytes, 1 << 20)))
            var position: UInt64 = 0
            while position < tableBytes {
                let step = min(UInt64(table.count), tableBytes - position)
                try file.write(Array(table[..<Int(step)]), at: header.tableOffset + position)
                position += step
            }
            try file.write(header.bytes, at: 512)
            try file.synchronise()
            try file.write(footer.bytes, at: 0)
            try file.write(footer.bytes, at: aligned(end, header))
            try file.synchronise()
        } catch {
            throw DiskFormatError(error, file: file.name)
        }
    }

    /// Places for a relative and an absolute path.
    static func locators(at offset: UInt64) -> [VHDDynamicHeader.Locator] {
        let space = VHDParentLink.locatorSpace
        return [
            .init(platform: VHDDynamicHeader.Locator.relative, space: space, length: 0, offset: offset),
            .init(platform: VHDDynamicHeader.Locator.absolute, space: space, length: 0, offset: offset + UInt64(space)),
        ]
    }

    /// Writes the parent's paths into their places and notes them in `header`, whose first two locators are ours.
    static func write(
        _ parent: VHDParentLink, _ file: any DiskFile, _ header: inout VHDDynamicHeader
    ) throws(DiskFormatError) {
        header.parentIdentifier = parent.identifier.bytes
        header.parentTimestamp = VHDFooter.timestampNow()
        let path = parent.absolutePath ?? parent.relativePath ?? ""
        header.parentName = String(path.split(separator: "/").last ?? "")
        for (position, path) in [parent.relativePath, parent.absolutePath].enumerated() {
            let bytes = try path.map { path throws(DiskFormatError) in try VHDParentLink.encode(path, isRelative: position == 0) } ?? []
            header.locators[position].length = UInt32(bytes.count)
            let padded = bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
            do throws(DiskError) {
                if !padded.isEmpty { try file.write(padded, at: header.locators[position].offset) }
            } catch {
                throw DiskFormatError(error, file: file.name)
            }
            if bytes.isEmpty { header.locators[position].platform = 0 }
        }
    }
}

import Basics
import Storage

extension FuzzTarget {
    /// Footer, dynamic header, block table, bitmaps and parent locators of VHD images.
    static let vhd = FuzzTarget(
        "vhd", "which image, patches at its structures, then what is done with it", maximumLength: 1024,
        seeds: {
            [
                [0, 0, 0, 1, 0, 3, 2, 7, 0, 0, 3, 0, 9, 2, 4], [1, 1, 1, 0, 48, 0, 5, 200, 1, 0, 0, 4],
                [2, 2, 2, 1, 60, 0, 6, 2, 1, 1, 2, 16, 0, 2, 9],
                [0, 4, 1, 2, 32, 0, 5, 4, 0, 3, 0, 2, 4], [2, 9, 1, 3, 0, 0, 5, 3, 2, 0, 1, 4], [1, 17, 0, 0, 1, 0, 0, 2, 1],
            ]
        },
        run: { VHDCase.run($0) })

    /// Master boot records and GUID partition tables, which shrinking a disk to its minimum asks for.
    static let partitionTables = FuzzTarget(
        "partition-tables", "sectors of a disk from its start", maximumLength: 8192,
        seeds: {
            var boot = [UInt8](repeating: 0, count: 512)
            boot.overwrite(446, with: [0, 0, 0, 0, 0x83, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0, 0])
            boot.overwrite(510, with: [0x55, 0xAA])
            var table = boot
            table[450] = 0xEE
            table += Array("EFI PART".utf8) + [0, 0, 1, 0, 92, 0, 0, 0] + [UInt8](repeating: 0, count: 56)
            table += little(UInt64(2)) + little(UInt32(4)) + little(UInt32(128)) + [UInt8](repeating: 0, count: 424)
            table += [UInt8](repeating: 1, count: 32) + little(UInt64(8)) + little(UInt64(40)) + [UInt8](repeating: 0, count: 80)
            return [boot, table]
        },
        run: { bytes in
            let disk = MemoryDisk(sectors: 64)
            let whole = Array(bytes.prefix(64 * 512))
            let padded = whole + [UInt8](repeating: 0, count: (512 - whole.count % 512) % 512)
            if !padded.isEmpty { try? DiskBytes.write(disk, padded, at: 0) }
            _ = try? PartitionTable(of: disk)
        })
}

private enum VHDCase {
    private static let images: [MemoryFile] = [DiskKind.dynamic, .fixed, .differencing].compactMap { image($0) }

    private static func image(_ kind: DiskKind) -> MemoryFile? {
        let file = MemoryFile()
        var options = VHDOptions(size: 4 << 20, kind: kind)
        if kind != .fixed { options.blockSize = 512 << 10 }
        options.diskIdentifier = GUID(bytes: [UInt8](1...16))
        if kind == .differencing {
            options.parent = VHDParentLink(identifier: GUID(bytes: [UInt8](2...17)), relativePath: "../base.vhd", absolutePath: "/base.vhd")
        }
        do {
            try VHDImage.create(on: file, options)
            let image = try VHDImage(file: file, parentRule: .detached)
            for block in [1, 2, 5] as [UInt64] { try DiskBytes.write(image, [UInt8](repeating: 7, count: 8192), at: block << 19) }
            try image.flush()
        } catch { return nil }
        return file
    }

    /// The sum of a structure's bytes without its own, turned over.
    private static func seal(_ file: MemoryFile, _ offset: Int, _ count: Int, at place: Int) {
        var bytes = file.get(offset, count: count)
        bytes.overwrite(place, with: [0, 0, 0, 0])
        let sum = ~bytes.reduce(UInt32(0)) { $0 &+ UInt32($1) }
        file.put([UInt8](little(sum).reversed())[...], at: offset + place)
    }

    static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        guard !images.isEmpty else { fatalError("the images are made") }
        let file = MemoryFile(copying: images[input.choice(images.count)])
        let manner = input.byte()
        let end = Int(file.size()) - 512
        let places: [ImagePatches.Place] = [
            .init(offset: end, count: 88) { seal($0, end, 512, at: 64) }, .init(offset: 0, count: 88) { seal($0, 0, 512, at: 64) },
            .init(offset: 512, count: 80) { seal($0, 512, 1024, at: 36) },
            .init(offset: 512 + 576, count: 192) { seal($0, 512, 1024, at: 36) },
            .init(offset: 1536, count: 64), .init(offset: 2048, count: 1024),
        ]
        ImagePatches.apply(&input, to: file, places)
        if manner & 1 != 0 { _ = try? VHDInformation(file: MemoryFile(copying: file)) }
        if manner & 2 != 0 {
            let fixed = MemoryFile(copying: file, isReadOnly: true)
            guard let image = try? VHDImage(file: fixed, readOnly: true, parentRule: .detached) else { return }
            return ImagePatches.use(image, &input)
        }
        guard let image = try? VHDImage(file: file, parentRule: .detached) else { return }
        ImagePatches.use(image, &input)
        switch manner >> 2 & 7 {
        case 0: try? image.resize(to: UInt64(input.number(UInt16.self)) << 12)
        case 1: _ = try? image.compact(findingZeros: input.flag())
        case 2:
            try? image.setParentLink(VHDParentLink(identifier: GUID(bytes: [UInt8](3...18)), relativePath: "../x.vhd", absolutePath: nil))
        case 3: try? image.setDiskIdentifier(GUID(bytes: [UInt8](4...19)))
        default: break
        }
        try? image.close()
    }
}

import Basics
import Storage

extension FuzzTarget {
    /// Headers, region table, metadata, block table and log of VHDX images, opened, replayed, used, changed and checked.
    static let vhdx = FuzzTarget(
        "vhdx", "which image, patches at its structures, then what is done with it", maximumLength: 1024,
        seeds: {
            let plain: [UInt8] = [0, 0, 0, 1, 0, 3, 2, 7, 0, 0, 3, 0, 9, 2, 4, 0]
            let header: [UInt8] = [1, 0, 1, 0, 8, 0, 2, 5, 0, 3, 0, 0, 4]
            let table: [UInt8] = [0, 0, 2, 6, 24, 0, 4, 5, 6, 6, 32, 0, 3, 9, 0, 1, 0, 0, 4, 2, 1, 5]
            let log: [UInt8] = [2, 0, 3, 2, 16, 0, 2, 1, 2, 8, 0, 1, 40, 2, 64, 0, 0, 1, 0, 0, 0, 4, 1]
            let metadata: [UInt8] = [0, 0, 2, 4, 16, 0, 2, 9, 5, 0, 0, 1, 21, 0, 0, 0, 4]
            let changes: [UInt8] = [0, 3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 2, 4]
            return [plain, header, table, log, metadata, changes, [1, 1] + log.dropFirst(2), [2, 2] + table.dropFirst(2)]
        },
        run: { VHDXCase.run($0) })

    /// The same structures with nothing made good for the case: whole headers, region and metadata tables and log entries from its bytes.
    static let vhdxStructures = FuzzTarget(
        "vhdx-structures", "place and bytes of structures written over an image, sealed", maximumLength: 16384, seeds: VHDXCase.structures
    ) { VHDXCase.overwrite($0) }
}

private enum VHDXCase {
    private static let images: [MemoryFile] = [DiskKind.dynamic, .fixed, .differencing].compactMap { image($0) }

    /// An image in the middle of its work, its log not empty.
    private static func image(_ kind: DiskKind) -> MemoryFile? {
        let file = MemoryFile()
        var options = VHDXOptions(size: kind == .fixed ? 4 << 20 : 24 << 20, kind: kind)
        options.blockSize = 1 << 20
        options.diskIdentifier = GUID(bytes: [UInt8](1...16))
        if kind == .differencing {
            options.parent = VHDXParentLink(linkage: GUID(bytes: [UInt8](2...17)), relativePath: "../base.vhdx", absolutePath: "/base.vhdx")
        }
        do {
            try VHDXImage.create(on: file, options)
            let image = try VHDXImage(file: file, parentRule: .detached)
            for block in [1, 2, 3] as [UInt64] { try DiskBytes.write(image, [UInt8](repeating: 7, count: 8192), at: block << 20) }
            try image.flush()
            if kind != .fixed { try DiskBytes.write(image, [UInt8](repeating: 8, count: 8192), at: 9 << 20) }
            try image.flush()
        } catch { return nil }
        return file
    }

    private static func seal(_ file: MemoryFile, _ offset: Int, _ count: Int) {
        let bytes = file.get(offset, count: count)
        file.put(little(bytes.withUnsafeBytes { CRC32C.ofStructure($0) })[...], at: offset + 4)
    }

    /// A log entry says itself how long it is.
    private static func sealEntry(_ file: MemoryFile, _ offset: Int) {
        let length = file.get(offset + 8, count: 4).reversed().reduce(0) { $0 << 8 | Int($1) }
        if (64...1 << 20).contains(length) { seal(file, offset, length) }
    }

    /// Headers, region tables, the log's first entries, metadata table and items, block table. Our images have log, metadata and block
    /// table at 1, 2 and 3 MiB.
    private static let places: [ImagePatches.Place] =
        [
            .init(offset: 65536, count: 80) { seal($0, 65536, 4096) }, .init(offset: 131_072, count: 80) { seal($0, 131_072, 4096) },
            .init(offset: 196_608, count: 96) { seal($0, 196_608, 65536) }, .init(offset: 262_144, count: 96) { seal($0, 262_144, 65536) },
            .init(offset: 2 << 20, count: 256), .init(offset: 2 << 20 + 65536, count: 300), .init(offset: 3 << 20, count: 256),
            .init(offset: 0, count: 16),
        ]
        + (0..<6).map { entry in
            let offset = 1 << 20 + entry * 8192
            return .init(offset: offset, count: 8192) { sealEntry($0, offset) }
        }

    static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        guard !images.isEmpty else { fatalError("the images are made") }
        let file = MemoryFile(copying: images[input.choice(images.count)])
        let manner = input.byte()
        ImagePatches.apply(&input, to: file, places)
        use(file, manner, &input)
    }

    static func overwrite(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let file = MemoryFile(copying: images[input.choice(images.count)])
        let manner = input.byte()
        for _ in 0..<6 where !input.isEmpty {
            let place = places[input.choice(places.count)]
            file.put(input.take(Int(input.number(UInt16.self)) % 8193)[...], at: place.offset)
            place.seal?(file)
        }
        use(file, manner, &input)
    }

    /// The real structures, so that mutation begins with what opens.
    static func structures() -> [[UInt8]] {
        images.indices.flatMap { image in
            places.indices.map { index in
                let place = places[index]
                let count = min(place.count, 4096)
                return [UInt8(image), 1, UInt8(index)] + little(UInt16(count)) + images[image].get(place.offset, count: count)
            }
        }
    }

    private static func use(_ file: MemoryFile, _ manner: UInt8, _ input: inout FuzzInput) {
        if manner & 1 != 0 { _ = try? VHDXInformation(file: MemoryFile(copying: file)) }
        if manner & 2 != 0 {
            let fixed = MemoryFile(copying: file, isReadOnly: true)
            guard let image = try? VHDXImage(file: fixed, readOnly: true, parentRule: .detached) else { return }
            return ImagePatches.use(image, &input)
        }
        guard let image = try? VHDXImage(file: file, parentRule: .detached) else { return }
        ImagePatches.use(image, &input)
        _ = image.check()
        _ = (image.minimumSize, image.parentLink)
        switch manner >> 2 & 7 {
        case 0: try? image.resize(to: UInt64(input.number(UInt16.self)) << 20, losingData: input.flag())
        case 1: _ = try? image.compact(findingZeros: input.flag())
        case 2:
            try? image.setParentLink(VHDXParentLink(linkage: GUID(bytes: [UInt8](3...18)), relativePath: "../x.vhdx", absolutePath: nil))
        case 3: try? image.setDiskIdentifier(GUID(bytes: [UInt8](4...19)))
        default: break
        }
        try? image.close()
        // What we wrote, we open.
        guard manner & 0x80 != 0, let again = try? VHDXImage(file: file, parentRule: .detached) else { return }
        ImagePatches.use(again, &input)
    }
}

import Basics
import Storage
import Testing

/// Files that were made to harm: every one is opened or refused, without a trap, a hang or much memory.
@Suite struct VHDXHostileTests {
    /// A differencing or dynamic image in the middle of its work, its log not empty.
    static func victim(_ kind: DiskKind) throws -> SparseBytes {
        let file = PowerLossFile()
        var options = VHDXOptions(size: 40 << 20, kind: kind)
        options.blockSize = 1 << 20
        if kind == .differencing {
            options.parent = VHDXParentLink(linkage: GUID(), relativePath: "../base.vhdx", absolutePath: "/base.vhdx")
        }
        try VHDXImage.create(on: file, options)
        let image = try VHDXImage(file: file, parentRule: .detached)
        for block in [3, 9, 17] as [UInt64] { try image.write([UInt8](repeating: 7, count: 8192), at: block << 20) }
        try image.flush()
        try image.write([UInt8](repeating: 8, count: 8192), at: 30 << 20)
        try image.flush()
        return file.content
    }

    static func seal(_ content: inout SparseBytes, _ range: Range<UInt64>) {
        var bytes = content.read(range)
        let sum = bytes.withUnsafeBytes { CRC32C.ofStructure($0) }
        withUnsafeBytes(of: sum.littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
        content.write(bytes[...], at: range.lowerBound)
    }

    /// Opens it in one of three ways and uses it a little, as far as it lets itself be used.
    static func use(_ content: SparseBytes, _ round: Int) {
        if round % 8 == 0 { _ = try? VHDXInformation(file: PowerLossFile(content)) }
        guard round % 3 > 0 else {
            _ = try? VHDXImage(file: PowerLossFile(content), readOnly: true, parentRule: .detached).bytes(at: 0, count: 65536)
            return
        }
        guard let image = try? VHDXImage(file: PowerLossFile(content), parentRule: .detached) else { return }
        for offset in [0, 3 << 20, (9 << 20) + 4096, 39 << 20] as [UInt64] {
            _ = try? image.bytes(at: offset, count: 4096)
            _ = try? image.write([UInt8](repeating: 1, count: 4096), at: offset)
        }
        _ = try? image.discard(at: 3 << 20, count: 4 << 20)
        _ = try? image.flush()
        _ = image.check()
        _ = try? image.extent(at: 0)
        _ = try? image.close()
    }

    @Test("thousands of mutilated images are opened or refused", arguments: [DiskKind.dynamic, .differencing])
    func mutations(_ kind: DiskKind) throws {
        let original = try Self.victim(kind)
        var random = SplitMix(seed: kind == .dynamic ? 31 : 32)
        // Headers, region tables, log, metadata table and items, block table: where a bit means something.
        let places: [(Range<UInt64>, sealed: Range<UInt64>?)] = [
            (65536..<65616, 65536..<69632), (131072..<131152, 131072..<135168), (196608..<196700, 196608..<262144),
            (262144..<262236, 262144..<327680), (1 << 20..<1 << 20 + 256, nil), (1 << 20 + 8192..<1 << 20 + 24576, nil),
            (2 << 20..<2 << 20 + 256, nil), (2 << 20 + 65536..<2 << 20 + 65800, nil), (3 << 20..<3 << 20 + 400, nil),
        ]
        let numbers: [UInt64] = [0, 1, 7, 0xff, 0xfff, 1 << 20, 1 << 31, 0xffff_ffff, 1 << 43, 1 << 63, .max]
        for round in 0..<1200 {
            var content = original
            for _ in 0...random.next() % 3 {
                let (range, sealed) = places[Int(random.next() % UInt64(places.count))]
                let place = UInt64.random(in: range, using: &random)
                let number = numbers[Int(random.next() % UInt64(numbers.count))]
                let bytes: [UInt8] =
                    switch random.next() % 3 {
                    case 0: [UInt8(truncatingIfNeeded: random.next())]
                    case 1: withUnsafeBytes(of: UInt32(truncatingIfNeeded: number)) { Array($0) }
                    default: withUnsafeBytes(of: number) { Array($0) }
                    }
                content.write(bytes[...], at: random.next() % 2 == 0 ? place & ~7 : place)
                if let sealed, random.next() % 4 != 0 { Self.seal(&content, sealed) }
            }
            if round % 20 == 0 { content.truncate(to: random.next() % (content.size + 4096)) }
            Self.use(content, round)
        }
    }

    @Test("refusals name what is wrong")
    func refusals() throws {
        func code(_ change: (inout SparseBytes) -> Void) throws -> DiskFormatError.Code? {
            let file = PowerLossFile()
            var options = VHDXOptions(size: 40 << 20, kind: .dynamic)
            options.blockSize = 1 << 20
            try VHDXImage.create(on: file, options)
            let image = try VHDXImage(file: file)
            for block in [3, 9] as [UInt64] { try image.write([UInt8](repeating: 7, count: 8192), at: block << 20) }
            try image.close()
            var content = file.content
            change(&content)
            do throws(DiskFormatError) { _ = try VHDXImage(file: PowerLossFile(content)) } catch { return error.code }
            return nil
        }
        func put(_ content: inout SparseBytes, _ value: UInt64, at place: UInt64, sealing range: Range<UInt64>? = nil) {
            content.write(withUnsafeBytes(of: value) { Array($0) }[...], at: place)
            if let range { Self.seal(&content, range) }
        }
        let table: UInt64 = 3 << 20
        #expect(try code { _ in } == nil)
        #expect(try code { $0.write([0], at: 0) } == .notThisFormat)
        #expect(try code { $0.truncate(to: 100) } == .truncated)
        #expect(try code { $0.truncate(to: $0.size - (1 << 20)) } == .truncated)
        // One header or region table may be lost, both may not.
        #expect(try code { put(&$0, 1, at: 65536 + 16) } == nil)
        #expect(try code { put(&$0, 1, at: 131072 + 16) } == nil)
        #expect(
            try code {
                put(&$0, 1, at: 65536 + 16)
                put(&$0, 1, at: 131072 + 16)
            } == .damaged)
        #expect(try code { put(&$0, 1, at: 196608 + 20) } == nil)
        #expect(
            try code {
                put(&$0, 1, at: 196608 + 20)
                put(&$0, 1, at: 262144 + 20)
            } == .damaged)
        // Regions: onto the log, beyond the end, unknown and required.
        #expect(try code { put(&$0, 1 << 20, at: 196608 + 32, sealing: 196608..<262144) } == .damaged)
        #expect(try code { put(&$0, 1 << 40, at: 196608 + 32, sealing: 196608..<262144) } == .truncated)
        #expect(try code { put(&$0, 5, at: 196608 + 16, sealing: 196608..<262144) } == .newer)
        // Blocks: beyond the end, onto each other, the log, the headers, the table; an unknown state; shared without a bitmap.
        #expect(try code { put(&$0, 1 << 40 | 6, at: table + 24) } == .truncated)
        #expect(try code { put(&$0, 5 << 20 | 6, at: table + 24) } == .damaged)
        #expect(try code { put(&$0, 1 << 20 | 6, at: table + 24) } == .damaged)
        #expect(try code { put(&$0, 6, at: table + 24) } == .damaged)
        #expect(try code { put(&$0, table | 6, at: table + 24) } == .damaged)
        #expect(try code { put(&$0, 4, at: table) } == .damaged)
        #expect(try code { put(&$0, 4 << 20 | 7, at: table + 24) } == .damaged)
        // Metadata: sizes that do not fit, an unknown required item.
        #expect(try code { put(&$0, 1 << 60, at: 2 << 20 + 65544) } == .damaged)
        #expect(try code { put(&$0, 32 << 40, at: 2 << 20 + 65544) } == .damaged)
        #expect(try code { put(&$0, 3, at: 2 << 20 + 65536) } == .damaged)
        #expect(try code { put(&$0, 3, at: 2 << 20 + 32 + 32 * 4) } == .newer)
        #expect(try code { put(&$0, 0xffff_fff0, at: 2 << 20 + 32 + 16) } == .damaged)
    }
}

extension SparseBytes {
    mutating func write(_ bytes: [UInt8], at offset: UInt64) { write(bytes[...], at: offset) }
}

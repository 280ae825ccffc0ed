import Basics
import Storage
import Testing

/// Random work on an image, compared with a plain array of bytes after every step.
@Suite struct VHDXModelTests {
    struct Shape: Sendable {
        var kind: DiskKind
        var sector: Int
        var blockSize: UInt32
        var punches = true
        var seed: UInt64
    }
    static let shapes = [
        Shape(kind: .dynamic, sector: 512, blockSize: 1 << 20, seed: 1), Shape(kind: .dynamic, sector: 4096, blockSize: 1 << 20, seed: 2),
        Shape(kind: .dynamic, sector: 512, blockSize: 2 << 20, punches: false, seed: 3),
        Shape(kind: .fixed, sector: 512, blockSize: 2 << 20, seed: 4), Shape(kind: .fixed, sector: 4096, blockSize: 4 << 20, seed: 5),
        Shape(kind: .differencing, sector: 512, blockSize: 1 << 20, seed: 6),
        Shape(kind: .differencing, sector: 4096, blockSize: 2 << 20, seed: 7),
        Shape(kind: .differencing, sector: 512, blockSize: 2 << 20, punches: false, seed: 8),
    ]

    @Test("random work leaves what a plain array has", arguments: shapes)
    func randomWork(_ shape: Shape) throws {
        var random = SplitMix(seed: shape.seed)
        let sector = UInt64(shape.sector)
        var size: UInt64 = (11 << 20) + 8192
        var model = SparseBytes()
        model.truncate(to: size)
        var options = VHDXOptions(size: size, kind: shape.kind)
        (options.blockSize, options.logicalSectorSize) = (shape.blockSize, shape.sector)

        let base = PowerLossFile(name: "base.vhdx")
        if shape.kind == .differencing {
            var parentOptions = VHDXOptions(size: size - 8192, kind: .dynamic)
            (parentOptions.blockSize, parentOptions.logicalSectorSize) = (1 << 20, shape.sector)
            try VHDXImage.create(on: base, parentOptions)
            let image = try VHDXImage(file: base)
            for _ in 0..<40 {
                let offset = UInt64.random(in: 0..<image.size / sector - 64, using: &random) * sector
                let bytes = Self.bytes(Int(sector) * Int.random(in: 1...64, using: &random), &random)
                try image.write(bytes, at: offset)
                model.write(bytes[...], at: offset)
            }
            try image.close()
            options.parent = VHDXParentLink(linkage: image.dataWriteGUID, relativePath: "base.vhdx")
        }
        let file = PowerLossFile()
        file.canPunchHoles = shape.punches
        try VHDXImage.create(on: file, options)
        var current = file
        func reopen() throws -> VHDXImage {
            let next = PowerLossFile(current.content)
            next.canPunchHoles = shape.punches
            current = next
            let parent = shape.kind == .differencing ? try VHDXImage(file: PowerLossFile(base.content), readOnly: true) : nil
            return try VHDXImage(file: next, parent: parent)
        }
        var image = try reopen()
        for step in 0..<220 {
            let offset = UInt64.random(in: 0..<size / sector, using: &random) * sector
            let most = min((size - offset) / sector, random.next() % 8 == 0 ? 3 << 20 / sector : 100)
            let count = Int(UInt64.random(in: 1...most, using: &random) * sector)
            switch random.next() % 24 {
            case 0..<12:
                let bytes = random.next() % 6 == 0 ? [UInt8](repeating: 0, count: count) : Self.bytes(count, &random)
                try image.write(bytes, at: offset, segments: Int.random(in: 1...5, using: &random))
                model.write(bytes[...], at: offset)
            case 12..<18:
                let found = try image.bytes(at: offset, count: count, segments: Int.random(in: 1...7, using: &random))
                #expect(found == model.read(offset..<offset + UInt64(count)), "step \(step)")
            case 18, 19:
                try image.discard(at: offset, count: UInt64(count))
                let old = model.read(offset..<offset + UInt64(count))
                let found = try image.bytes(at: offset, count: count)
                #expect(zip(old, found).allSatisfy { $1 == 0 || $1 == $0 }, "step \(step)")
                model.write(found[...], at: offset)
            case 20: try image.flush()
            case 21:
                try image.close()
                image = try reopen()
            case 22: if shape.kind != .fixed { try image.compact(findingZeros: random.next() % 2 == 0) }
            default:
                size += sector * UInt64.random(in: 1...300, using: &random)
                try image.resize(to: size)
                model.truncate(to: size)
                if shape.kind == .differencing {
                    // Behind the old end the parent may show through.
                    #expect(image.size == size)
                }
            }
            if step % 40 == 39 {
                #expect(try image.bytes(at: 0, count: Int(size)) == model.read(0..<size), "step \(step)")
                #expect(image.check().isEmpty, "step \(step): \(image.check())")
            }
        }
        try image.close()
        image = try reopen()
        #expect(try image.bytes(at: 0, count: Int(size)) == model.read(0..<size))
        #expect(image.check().isEmpty)
        #expect(try !VHDXInformation(file: current).isLogDirty)
    }

    static func bytes(_ count: Int, _ random: inout SplitMix) -> [UInt8] {
        var value = random.next() | 0x0101_0101_0101_0101
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for position in 0..<count {
                if position & 7 == 0 { value = value &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5679 }
                buffer[position] = UInt8(truncatingIfNeeded: value >> (UInt64(position & 7) * 8))
            }
            initialized = count
        }
    }
}

import Basics
import Glibc
import Storage
import Testing

@Suite struct VHDImageTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    private func create(_ name: String, _ options: VHDOptions) throws {
        let file = try HostDiskFile.create(path: folder(name))
        defer { file.close() }
        try VHDImage.create(on: file, options)
    }

    private func open(_ name: String, parent: (any Disk)? = nil, readOnly: Bool = false) throws -> VHDImage {
        try VHDImage(file: try HostDiskFile.open(path: folder(name), readOnly: readOnly), parent: parent, readOnly: readOnly)
    }

    /// Random reads, writes, discards, flushes, reopenings, resizings and compactions against an array of bytes.
    @Test(arguments: [DiskKind.fixed, .dynamic, .differencing], [UInt64(1), 2])
    func behavesAsAnArrayOfBytes(kind: DiskKind, seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        let blockSize: UInt32 = 8192
        var size: UInt64 = 300 * 512
        var model = [UInt8](repeating: 0, count: Int(size))
        var options = VHDOptions(size: size, kind: kind)
        options.blockSize = kind == .fixed ? nil : blockSize
        let parentSize: UInt64 = 200 * 512
        if kind == .differencing {
            var base = VHDOptions(size: parentSize, kind: .dynamic)
            base.diskIdentifier = GUID()
            try create("base.vhd", base)
            let disk = try open("base.vhd")
            let content = generator.bytes(64 * 512)
            try disk.write(content, at: 30 * 512)
            model.replaceSubrange(30 * 512..<94 * 512, with: content)
            try disk.close()
            options.parent = .init(identifier: try #require(base.diskIdentifier), relativePath: "base.vhd", absolutePath: nil)
        }
        try create("a.vhd", options)
        func reopened() throws -> VHDImage {
            try open("a.vhd", parent: kind == .differencing ? try open("base.vhd", readOnly: true) : nil)
        }
        var disk = try reopened()
        for _ in 0..<600 {
            let start = Int.random(in: 0..<Int(size / 512), using: &generator)
            let count = Int.random(in: 1...min(60, Int(size / 512) - start), using: &generator)
            let range = start * 512..<(start + count) * 512
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<8:
                let bytes = generator.bytes(range.count)
                try disk.write(bytes, at: UInt64(range.lowerBound))
                model.replaceSubrange(range, with: bytes)
            case 8..<15: #expect(try disk.read(at: UInt64(range.lowerBound), count: range.count) == Array(model[range]))
            case 15 where kind != .differencing:
                try disk.discard(at: UInt64(range.lowerBound), count: UInt64(range.count))
                model.replaceSubrange(range, with: try disk.read(at: UInt64(range.lowerBound), count: range.count))
            case 16: try disk.flush()
            case 17:
                try disk.close()
                disk = try reopened()
            case 18: #expect(try disk.compact())
            case 19 where kind != .differencing:
                size = UInt64.random(in: 100...900, using: &generator) * 512
                try disk.resize(to: size)
                if Int(size) < model.count { model.removeLast(model.count - Int(size)) }
                model += [UInt8](repeating: 0, count: Int(size) - model.count)
            default: break
            }
        }
        try disk.close()
        disk = try reopened()
        #expect(disk.size == size)
        #expect(try disk.read(at: 0, count: Int(size)) == model)
        try disk.close()
    }

    @Test func aDynamicDiskGrowsWithItsContentAndShrinksWhenCompacted() throws {
        try create("a.vhd", VHDOptions(size: 2040 << 30, kind: .dynamic))
        let disk = try open("a.vhd")
        #expect(disk.size == 2040 << 30)
        try disk.write([UInt8](repeating: 1, count: 512), at: (2040 << 30) - 512)
        try disk.write([UInt8](repeating: 2, count: 512), at: 1 << 30)
        #expect(try disk.nextOwnRange(from: 0) == 1 << 30..<(1 << 30) + 2 << 20)
        try disk.flush()
        let file = HostDiskFile(descriptor: Glibc.open(folder("a.vhd"), O_RDONLY), name: "a", isReadOnly: true)
        let grown = try file.size()
        try disk.write([UInt8](repeating: 0, count: 512), at: (2040 << 30) - 512)
        #expect(try disk.compact())
        #expect(try file.size() <= grown - 2 << 20)
        #expect(try disk.read(at: 1 << 30, count: 512) == [UInt8](repeating: 2, count: 512))
        try disk.close()
        #expect(throws: DiskFormatError.self) { try create("b.vhd", VHDOptions(size: (2040 << 30) + 512, kind: .dynamic)) }
    }

    @Test func whatWasFlushedOutlivesALostFooter() throws {
        try create("a.vhd", VHDOptions(size: 8 << 20, kind: .dynamic))
        let disk = try open("a.vhd")
        try disk.write([UInt8](repeating: 3, count: 4096), at: 4 << 20)
        try disk.close()
        let bytes = try folder.bytes("a.vhd")
        try folder.file("b.vhd", Array(bytes.dropLast(512)))
        let again = try open("b.vhd")
        #expect(try again.read(at: 4 << 20, count: 4096) == [UInt8](repeating: 3, count: 4096))
        try again.flush()
        try again.close()
        #expect(try folder.bytes("b.vhd").suffix(512) == bytes.suffix(512))
        try folder.file("c.vhd", Array(bytes.dropLast(1 << 20)))
        let failure = #expect(throws: DiskFormatError.self) { try open("c.vhd") }
        #expect(failure?.code == .truncated)
    }

    @Test func identifierAndParentChange() throws {
        try create("base.vhd", VHDOptions(size: 4 << 20, kind: .dynamic))
        let base = try open("base.vhd")
        var options = VHDOptions(size: 4 << 20, kind: .differencing)
        options.parent = .init(identifier: base.diskIdentifier, relativePath: "x.vhd", absolutePath: "/x.vhd")
        try create("child.vhd", options)
        let id = GUID()
        try base.setDiskIdentifier(id)
        try base.close()
        let child = try VHDImage(file: HostDiskFile.open(path: folder("child.vhd"), readOnly: false), parentRule: .detached)
        try child.setParentLink(.init(identifier: id, relativePath: "base.vhd", absolutePath: folder("base.vhd")))
        try child.close()
        let chain = try DiskChain.resolve(path: folder("child.vhd"), format: .vhd)
        #expect(chain.entries.count == 2)
        let disk = try chain.disk()
        #expect(try disk.read(at: 0, count: 512) == [UInt8](repeating: 0, count: 512))
        try disk.write([UInt8](repeating: 1, count: 512), at: 0)
        try disk.close()
        let information = try VHDInformation(file: HostDiskFile.open(path: folder("child.vhd"), readOnly: true))
        #expect(information.parentLink == .init(identifier: id, relativePath: "base.vhd", absolutePath: folder("base.vhd")))
    }

    /// No header, however broken, makes opening or reading trap, hang or take much memory.
    @Test(arguments: [DiskKind.fixed, .dynamic, .differencing]) func brokenHeadersAreRefused(kind: DiskKind) throws {
        var options = VHDOptions(size: 256 << 10, kind: kind)
        options.blockSize = kind == .fixed ? nil : 4096
        if kind == .differencing { options.parent = .init(identifier: GUID(), relativePath: "p.vhd", absolutePath: "/p.vhd") }
        try create("a.vhd", options)
        let disk = try VHDImage(file: HostDiskFile.open(path: folder("a.vhd"), readOnly: false), parentRule: .detached)
        for sector in stride(from: 0, to: UInt64(512), by: 40) {
            try disk.write([UInt8](repeating: 0x77, count: 512), at: sector * 512)
        }
        try disk.close()
        let good = try folder.bytes("a.vhd")
        var generator = SeededGenerator(state: 42)
        let (footerFields, headerFields) = ([8, 16, 40, 48, 56, 60], [8, 16, 24, 28, 32, 40, 576, 580, 584, 588, 592])
        var opened = 0
        for _ in 0..<1500 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                switch Int.random(in: 0..<4, using: &generator) {
                case 0:
                    let field = footerFields.randomElement(using: &generator) ?? 0
                    for base in kind == .fixed ? [bytes.count - 512] : [bytes.count - 512, 0] { mutate(&bytes, base + field, &generator) }
                case 1 where kind != .fixed: mutate(&bytes, 512 + (headerFields.randomElement(using: &generator) ?? 0), &generator)
                case 2 where kind != .fixed: mutate(&bytes, 1536 + 4 * Int.random(in: 0..<64, using: &generator), &generator)
                default: bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
                }
            }
            for base in kind == .fixed ? [bytes.count - 512] : [bytes.count - 512, 0] { sum(&bytes, base, 512, 64) }
            if kind != .fixed { sum(&bytes, 512, 1024, 36) }
            if Int.random(in: 0..<8, using: &generator) == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
            let file = MemoryFile(bytes)
            guard let image = try? VHDImage(file: file, parentRule: .detached) else { continue }
            opened += 1
            for _ in 0..<4 {
                let sector = UInt64.random(in: 0..<image.size / 512, using: &generator)
                _ = try? image.read(at: sector * 512, count: 512)
                _ = try? image.write([UInt8](repeating: 1, count: 512), at: sector * 512)
            }
            _ = try? image.nextOwnRange(from: 0)
            _ = try? image.compact()
            try? image.close()
            #expect(file.bytes.count < 64 << 20)
        }
        #expect(opened > 50)
    }

    private func mutate(_ bytes: inout [UInt8], _ position: Int, _ generator: inout SeededGenerator) {
        for offset in 0..<4 where position + offset < bytes.count {
            let choices: [UInt8] = [0, 1, 2, 0x7f, 0x80, 0xff, bytes[position + offset], .random(in: 0...255, using: &generator)]
            bytes[position + offset] = choices.randomElement(using: &generator) ?? 0
        }
    }

    private func sum(_ bytes: inout [UInt8], _ base: Int, _ count: Int, _ field: Int) {
        guard base >= 0, base + count <= bytes.count else { return }
        for offset in 0..<4 { bytes[base + field + offset] = 0 }
        let total = ~bytes[base..<base + count].reduce(UInt32(0)) { $0 &+ UInt32($1) }
        for offset in 0..<4 { bytes[base + field + offset] = UInt8(truncatingIfNeeded: total >> UInt32(24 - offset * 8)) }
    }
}

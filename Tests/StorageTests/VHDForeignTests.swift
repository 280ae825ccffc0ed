import Basics
import Glibc
import Storage
import Testing

/// Our VHDs and QEMU's and libvhdi's: each reads what the other wrote.
@Suite struct VHDForeignTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    private func make(_ name: String, _ kind: DiskKind, size: UInt64, parent: VHDParentLink? = nil) throws -> GUID {
        let file = try HostDiskFile.create(path: folder(name))
        defer { file.close() }
        var options = VHDOptions(size: size, kind: kind)
        (options.parent, options.diskIdentifier) = (parent, GUID())
        try VHDImage.create(on: file, options)
        return try #require(options.diskIdentifier)
    }

    private func scatter(_ disk: any Disk, seed: UInt64) throws -> [UInt8] {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<50 {
            let sector = UInt64.random(in: 0..<disk.size / 512 - 40, using: &generator)
            try disk.write(generator.bytes(512 * Int.random(in: 1...40, using: &generator)), at: sector * 512)
        }
        return try disk.read(at: 0, count: Int(disk.size))
    }

    @Test(.enabled(if: ForeignTool.qemuImg != nil, "qemu-img is not installed"), arguments: [DiskKind.fixed, .dynamic])
    func qemuReadsOurs(kind: DiskKind) throws {
        // No multiple of a cylinder: the exact size must be believed.
        let size: UInt64 = 33 << 20 + 512 * 7
        _ = try make("a.vhd", kind, size: size)
        let disk = try DiskChain.resolve(path: folder("a.vhd"), format: .vhd).disk()
        let bytes = try scatter(disk, seed: 3)
        try disk.close()
        try folder.file("a.raw", bytes)
        let compared = try ForeignTool.run(
            ForeignTool.qemuImg, "compare", "-f", "vpc", "-F", "raw", folder("a.vhd"), folder("a.raw"), in: folder)
        #expect(compared.code == 0, "\(compared.text)")
        let described = try ForeignTool.run(ForeignTool.qemuImg, "info", "-f", "vpc", folder("a.vhd"), in: folder)
        #expect(described.text.contains("(\(size) bytes)"), "\(described.text)")
        // And after growing, for which the table moves, and compacting.
        let work = DiskOperations()
        if kind == .dynamic {
            try work.resize(folder("a.vhd"), to: 600 << 20)
            try work.compact(folder("a.vhd"))
            let again = try ForeignTool.run(
                ForeignTool.qemuImg, "compare", "-f", "vpc", "-F", "raw", folder("a.vhd"), folder("a.raw"), in: folder)
            #expect(again.code == 0, "\(again.text)")
        }
    }

    @Test(.enabled(if: ForeignTool.qemuImg != nil, "qemu-img is not installed"), arguments: ["fixed", "dynamic"])
    func weReadAndWriteQEMUs(kind: String) throws {
        var generator = SeededGenerator(state: 9)
        var content = [UInt8](repeating: 0, count: 12 << 20)
        for _ in 0..<20 {
            let place = Int.random(in: 0..<11 << 20, using: &generator) / 512 * 512
            content.replaceSubrange(place..<place + 4096, with: generator.bytes(4096))
        }
        try folder.file("a.raw", content)
        let made = try ForeignTool.run(
            ForeignTool.qemuImg, "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=\(kind),force_size=on", folder("a.raw"),
            folder("a.vhd"), in: folder)
        #expect(made.code == 0, "\(made.text)")
        let disk = try DiskChain.resolve(path: folder("a.vhd"), format: .vhd).disk()
        #expect(try disk.read(at: 0, count: content.count) == content)
        let bytes = try scatter(disk, seed: 4)
        try disk.close()
        try folder.file("b.raw", bytes)
        let compared = try ForeignTool.run(
            ForeignTool.qemuImg, "compare", "-f", "vpc", "-F", "raw", folder("a.vhd"), folder("b.raw"), in: folder)
        #expect(compared.code == 0, "\(compared.text)")
    }

    @Test(.enabled(if: ForeignTool.vhdiInfo != nil, "vhdiinfo is not installed"), arguments: [DiskKind.fixed, .dynamic, .differencing])
    func libvhdiKnowsOurs(kind: DiskKind) throws {
        let base = try make("base.vhd", .dynamic, size: 8 << 20)
        let parent = VHDParentLink(identifier: base, relativePath: "base.vhd", absolutePath: folder("base.vhd"))
        let id = try make("a.vhd", kind, size: 8 << 20, parent: kind == .differencing ? parent : nil)
        let answer = try ForeignTool.run(ForeignTool.vhdiInfo, folder("a.vhd"), in: folder)
        #expect(answer.code == 0)
        #expect(answer.text.lowercased().contains(kind.rawValue.lowercased().prefix(7)), "\(answer.text)")
        #expect(answer.text.contains("8388608") || answer.text.contains("8.0 MiB"), "\(answer.text)")
        _ = id
    }
}

import Basics
import Glibc
import Storage
import Testing

/// libvhdi reads the content of what we make, of every kind.
@Suite(.enabled(if: ForeignTool.hasLibvhdi, "python3-libvhdi is not installed")) struct LibvhdiTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    @Test(arguments: ["vhd", "vhdx"], [DiskKind.fixed, .dynamic, .differencing]) func libvhdiReadsOurs(format: String, kind: DiskKind)
        throws
    {
        let size: UInt64 = 37 << 20
        var generator = SeededGenerator(state: 11)
        func scatter(_ path: String, unit: Int = 512) throws {
            let disk = try DiskChain.resolve(path: path, format: try #require(DiskFormat.of(fileName: path))).disk()
            // Each block gets something: libvhdi takes the file's head for the sector bitmap of a VHDX block that a child does not have.
            for place in stride(from: UInt64(0), to: size, by: 1 << 20) { try disk.write(generator.bytes(unit), at: place + 4096) }
            for _ in 0..<60 {
                let place = UInt64.random(in: 0..<(size / 512 - 64) / UInt64(unit / 512), using: &generator) * UInt64(unit)
                try disk.write(generator.bytes(unit * Int.random(in: 1...(32768 / unit), using: &generator)), at: place)
            }
            try disk.close()
        }
        let work = DiskOperations()
        var images = [folder("a.\(format)")]
        if kind == .differencing {
            images.append(folder("base.\(format)"))
            try work.create(DiskSpecification(path: images[1], kind: .dynamic, size: size))
            try scatter(images[1])
            var child = DiskSpecification(path: images[0], kind: .differencing)
            child.parentPath = images[1]
            try work.create(child)
        } else {
            try work.create(DiskSpecification(path: images[0], kind: kind, size: size))
        }
        // libvhdi 20210425 reads the sector bitmap of a VHD's child rightly only where runs are whole bytes of it; a plain reading of the
        // bitmaps by the format's description agrees with ours everywhere.
        try scatter(images[0], unit: kind == .differencing ? 4096 : 512)
        try work.convert(images[0], to: folder("ours.raw"))
        #expect(try ForeignTool.libvhdi(copy: images, to: folder("theirs.raw"), most: Int(size), in: folder) == size)
        let compared = try ForeignTool.run("/usr/bin/cmp", folder("theirs.raw"), folder("ours.raw"), in: folder)
        #expect(compared.code == 0, "\(compared.text)")
        guard kind != .differencing, ForeignTool.qemuImg != nil else { return }
        let driver = format == "vhd" ? "vpc" : "vhdx"
        let same = try ForeignTool.run(
            ForeignTool.qemuImg, "compare", "-f", driver, "-F", "raw", images[0], folder("ours.raw"), in: folder)
        #expect(same.code == 0, "\(same.text)")
    }
}

extension ForeignTool {
    private static let python = "/usr/bin/python3"
    /// libvhdi's Python module is there.
    static let hasLibvhdi: Bool = {
        guard access(python, X_OK) == 0, let folder = try? DiskFolder() else { return false }
        return (try? run(python, "-c", "import pyvhdi", in: folder).code) == 0
    }()

    /// Copies the first `most` bytes of a disk, whose image comes first and its parents behind it, into a raw file by libvhdi. Returns the
    /// disk's size.
    static func libvhdi(copy images: [String], to raw: String, most: Int, in folder: DiskFolder) throws -> UInt64 {
        let program = """
            import sys, pyvhdi
            target, most, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
            files = []
            for name in names:
                files.append(pyvhdi.file())
                files[-1].open(name)
            for child, parent in zip(files, files[1:]):
                child.set_parent(parent)
            disk = files[0]
            end = min(disk.get_media_size(), most)
            with open(target, "wb") as out:
                out.truncate(end)
                offset = 0
                while offset < end:
                    disk.seek(offset)
                    data = disk.read(min(1 << 20, end - offset))
                    if not data:
                        raise SystemExit("nothing at %d" % offset)
                    if data.count(0) != len(data):
                        out.seek(offset)
                        out.write(data)
                    offset += len(data)
            print(disk.get_media_size())
            """
        let script = try folder.file("libvhdi.py", Array(program.utf8))
        let answer = try run(python, [script, raw, String(most)] + images, in: folder)
        guard answer.code == 0, let size = UInt64(answer.text.split(whereSeparator: \.isNewline).last ?? "") else {
            throw TestFailure(description: "libvhdi: \(answer.text)")
        }
        return size
    }
}

import Glibc
import Storage
import Testing

/// Images that Hyper-V, Virtual PC and disk2vhd made: we read them as QEMU and libvhdi do, and what we write into them others read.
/// `Scripts/foreign-images` fetches them.
@Suite(.enabled(if: !ForeignImage.all.isEmpty && ForeignTool.qemuImg != nil, "the sample images are not there: Scripts/foreign-images"))
struct ForeignImageTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    /// A copy that may be changed; holes stay holes.
    private func copy(_ image: ForeignImage, as name: String) throws -> String {
        let path = folder("\(name).\(image.format == .vhd ? "vhd" : "vhdx")")
        #expect(try ForeignTool.run("/bin/cp", "--sparse=always", image.path, path, in: folder).code == 0)
        chmod(path, 0o600)
        return path
    }

    private func expectEqual(_ image: ForeignImage, _ path: String, _ raw: String) throws {
        let compared = try ForeignTool.run(
            ForeignTool.qemuImg, "compare", "-f", image.driver, "-F", "raw", path, raw, in: folder)
        #expect(compared.code == 0, "\(image.name): \(compared.text)")
    }

    @Test(arguments: ForeignImage.all) func readsAsOthersReadIt(image: ForeignImage) throws {
        // Read only: a log that is not written back yet is respected all the same.
        let ours = folder("ours.raw")
        try DiskOperations().convert(image.path, to: ours)
        let theirs = try copy(image, as: "theirs")
        // QEMU reads an image with a log only after it has written that back.
        if image.format == .vhdx {
            let repaired = try ForeignTool.run(ForeignTool.qemuImg, "check", "-r", "all", "-f", "vhdx", theirs, in: folder)
            #expect(repaired.code == 0, "\(repaired.text)")
        }
        try expectEqual(image, theirs, ours)
        guard ForeignTool.hasLibvhdi else { return }
        let most = 256 << 20
        let size = try ForeignTool.libvhdi(copy: [theirs], to: folder("theirs.raw"), most: most, in: folder)
        let compared = try ForeignTool.run(
            "/usr/bin/cmp", "-n", String(min(most, Int(size))), folder("theirs.raw"), ours, in: folder)
        #expect(compared.code == 0, "\(image.name): \(compared.text)")
    }

    /// Opened for writing, which writes a log back, and written: QEMU finds a clean image with exactly that.
    @Test(arguments: ForeignImage.all) func isWrittenAsOthersExpectIt(image: ForeignImage) throws {
        let (ours, raw) = (try copy(image, as: "ours"), folder("expected.raw"))
        try DiskOperations().convert(image.path, to: raw)
        let expected = try DiskChain.resolve(path: raw, format: .raw).disk()
        let disk = try DiskChain.resolve(path: ours, format: image.format).disk()
        var generator = SeededGenerator(state: 5)
        for _ in 0..<40 {
            let place = UInt64.random(in: 0..<min(disk.size, expected.size) / 512 - 200, using: &generator) * 512
            let bytes = generator.bytes(512 * Int.random(in: 1...200, using: &generator))
            try disk.write(bytes, at: place)
            try expected.write(bytes, at: place)
        }
        try disk.flush()
        try disk.close()
        try expected.close()
        if image.format == .vhdx {
            let checked = try ForeignTool.run(ForeignTool.qemuImg, "check", "-f", "vhdx", ours, in: folder)
            #expect(checked.code == 0, "\(checked.text)")
        }
        try expectEqual(image, ours, raw)
    }

    @Test(arguments: ForeignImage.all) func saysWhatItIs(image: ForeignImage) throws {
        let described = try DiskOperations().information(image.path)
        #expect(described.kind == .dynamic && described.format == image.format)
        #expect(described.size == image.size)
        #expect(try DiskOperations().problems(image.path).isEmpty)
    }
}

/// One of the samples.
struct ForeignImage: Sendable, CustomTestStringConvertible {
    var name: String
    /// Bytes of the disk.
    var size: UInt64
    var format: DiskFormat { name.hasSuffix(".vhd") ? .vhd : .vhdx }
    /// QEMU's word for the format.
    var driver: String { format == .vhd ? "vpc" : "vhdx" }
    var path: String { Self.folder + "/" + name }
    var testDescription: String { name }

    static let all: [ForeignImage] = access(folder + "/complete", R_OK) == 0 ? known : []

    private static let known = [
        ForeignImage(name: "d2v-zerofilled.vhd", size: 263_454_720), ForeignImage(name: "hyperv2012r2-dynamic.vhd", size: 136_365_211_648),
        ForeignImage(name: "virtualpc-dynamic.vhd", size: 136_365_211_648),
        ForeignImage(name: "iotest-dirtylog-10G-4M.vhdx", size: 10 << 30), ForeignImage(name: "iotest-dynamic-1G.vhdx", size: 1 << 30),
        ForeignImage(name: "test-disk2vhd.vhdx", size: 256 << 20),
    ]

    private static let folder: String = {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }
        if let folder = variable("LUNAVISOR_FOREIGN_IMAGES") { return folder }
        return (variable("XDG_CACHE_HOME") ?? (variable("HOME") ?? "/root") + "/.cache") + "/lunavisor/foreign-images"
    }()
}

import Basics
import Glibc
import Storage
import Testing

@Suite struct DiskChainTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    private func makeVHD(_ name: String, size: UInt64 = 8 << 20, parent: VHDParentLink? = nil) throws -> GUID {
        let file = try HostDiskFile.create(path: folder(name))
        defer { file.close() }
        var options = VHDOptions(size: size, kind: parent == nil ? .dynamic : .differencing)
        options.parent = parent
        options.diskIdentifier = GUID()
        try VHDImage.create(on: file, options)
        return try #require(options.diskIdentifier)
    }

    private func code(_ name: String, _ format: DiskFormat = .vhd, allowed: [String] = []) -> DiskOpenError.Code? {
        do throws(DiskOpenError) {
            let chain = try DiskChain.resolve(path: folder(name), format: format, allowedParents: allowed)
            chain.close()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func aChainIsFollowedHandedOverAndRead() throws {
        let base = try makeVHD("base.vhd")
        let middle = try makeVHD("middle.vhd", parent: .init(identifier: base, relativePath: "base.vhd", absolutePath: nil))
        _ = try makeVHD("leaf.vhd", parent: .init(identifier: middle, relativePath: "./middle.vhd", absolutePath: nil))
        let bottom = try DiskChain.resolve(path: folder("base.vhd"), format: .vhd).disk()
        try bottom.write([UInt8](repeating: 7, count: 1024), at: 4096)
        try bottom.close()
        let chain = try DiskChain.resolve(path: folder("leaf.vhd"), format: .vhd)
        #expect(chain.entries.map(\.path) == ["leaf.vhd", "middle.vhd", "base.vhd"].map { folder($0) })
        // A copy of the descriptors is what a worker gets; the sender's are closed.
        let handed = chain.entries.map { DiskChainEntry(descriptor: dup($0.descriptor), path: $0.path, format: $0.format) }
        chain.close()
        let disk = try VirtualDisk.open(handed, readOnly: false)
        #expect(try disk.read(at: 4096, count: 512) == [UInt8](repeating: 7, count: 512))
        try disk.write([UInt8](repeating: 8, count: 512), at: 4096)
        #expect(try disk.read(at: 4096, count: 1024) == [UInt8](repeating: 8, count: 512) + [UInt8](repeating: 7, count: 512))
        // While it runs nobody else gets the disk, nor its parents for writing; a second child may read them.
        #expect(code("leaf.vhd") == .inUse)
        #expect(code("base.vhd") == .inUse)
        _ = try makeVHD("second.vhd", parent: .init(identifier: middle, relativePath: "middle.vhd", absolutePath: nil))
        #expect(code("second.vhd") == nil)
        try disk.close()
        #expect(code("base.vhd") == nil)
    }

    @Test func aRawDiskStaysRawWhateverTheGuestWritesIntoIt() throws {
        try folder.file("secret.raw", [UInt8](repeating: 0x55, count: 1 << 20))
        let id = try makeVHD(
            "crafted.vhd", size: 4 << 20, parent: .init(identifier: GUID(), relativePath: "secret.raw", absolutePath: "/etc/passwd"))
        _ = id
        let crafted = try folder.bytes("crafted.vhd")
        let vhdx = Array("vhdxfile".utf8)
        let qcow2: [UInt8] = [0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3] + Array("/etc/passwd".utf8)
        for content in [crafted, vhdx, qcow2] {
            try folder.file("disk.raw", [UInt8](repeating: 0, count: 2 << 20))
            let guest = try DiskChain.resolve(path: folder("disk.raw"), format: .raw).disk()
            let padded = content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
            try guest.write(padded, at: 0)
            // A VHD's last footer too.
            try guest.write(Array(crafted.suffix(512)), at: guest.size - 512)
            try guest.close()
            let chain = try DiskChain.resolve(path: folder("disk.raw"), format: .raw)
            #expect(chain.entries.count == 1)
            #expect(chain.entries[0].format == .raw)
            let again = try chain.disk()
            #expect(again.size == 2 << 20)
            #expect(try again.read(at: 0, count: padded.count) == padded)
            try again.close()
        }
    }

    @Test func parentsOutsideTheFolderNeedPermission() throws {
        _ = folder.folder("sub")
        _ = folder.folder("other")
        let base = try makeVHD("other/base.vhd")
        symlink(folder("other/base.vhd"), folder("sub/link.vhd"))
        symlink(folder("other"), folder("sub/door"))
        let attacks: [(String?, String?)] = [
            (nil, "/etc/passwd"), ("../other/base.vhd", nil), ("x/../../other/base.vhd", nil), ("link.vhd", nil), ("door/base.vhd", nil),
            (nil, folder("other/base.vhd")), ("../../../../../../etc/passwd", nil), ("/etc/passwd", nil),
        ]
        for (number, paths) in attacks.enumerated() {
            let name = "sub/child\(number).vhd"
            _ = try makeVHD(name, parent: .init(identifier: base, relativePath: paths.0, absolutePath: paths.1))
            #expect([.parentNotAllowed, .parentMissing].contains(code(name)), "\(paths)")
        }
        // Named by somebody trusted, the same parents open.
        for number in [1, 2, 5] { #expect(code("sub/child\(number).vhd", allowed: [folder("other/base.vhd")]) == nil) }
        // Permission for a file is none for its neighbours, and no format but the child's is tried.
        #expect(code("sub/child0.vhd", allowed: [folder("other/base.vhd")]) == .parentNotAllowed)
        #expect(code("sub/child0.vhd", allowed: ["/etc/passwd"]) == .wrongFormat)
    }

    @Test func wrongParentsAreNamed() throws {
        let base = try makeVHD("base.vhd")
        _ = try makeVHD("stranger.vhd")
        _ = try makeVHD("child.vhd", parent: .init(identifier: base, relativePath: "stranger.vhd", absolutePath: nil))
        #expect(code("child.vhd") == .parentMismatch)
        _ = try makeVHD("orphan.vhd", parent: .init(identifier: base, relativePath: "gone.vhd", absolutePath: nil))
        #expect(code("orphan.vhd") == .parentMissing)
        // Both of its paths name the missing file of its own folder: missing is what matters.
        _ = try makeVHD("twice.vhd", parent: .init(identifier: base, relativePath: "./gone.vhd", absolutePath: folder("gone.vhd")))
        #expect(code("twice.vhd") == .parentMissing)
        _ = try makeVHD("moved.vhd", parent: .init(identifier: base, relativePath: "gone.vhd", absolutePath: "/elsewhere/gone.vhd"))
        #expect(code("moved.vhd") == .parentNotAllowed)
        _ = try makeVHD("self.vhd", parent: .init(identifier: base, relativePath: "self.vhd", absolutePath: nil))
        #expect(code("self.vhd") == .chainLoop)
        _ = try makeVHD("nameless.vhd", parent: .init(identifier: base, relativePath: nil, absolutePath: nil))
        #expect(code("nameless.vhd") == .parentMissing)
        #expect(code("base.vhd", .vhdx) == .wrongFormat)
        #expect(code("base.vhd", .iso) == .wrongFormat)
        try folder.file("empty.raw", [])
        #expect(code("empty.raw", .raw) == .truncated)
        #expect(code("empty.raw", .vhd) == .wrongFormat)
    }

    @Test func aChainHasAnEnd() throws {
        var parent = try makeVHD("d0.vhd")
        for number in 1...64 {
            parent = try makeVHD("d\(number).vhd", parent: .init(identifier: parent, relativePath: "d\(number - 1).vhd", absolutePath: nil))
        }
        #expect(code("d63.vhd") == nil)
        #expect(code("d64.vhd") == .chainTooLong)
    }

    @Test func namesSayTheFormat() {
        #expect(DiskFormat.of(fileName: "/a/b.VHDX") == .vhdx)
        #expect(DiskFormat.of(fileName: "a.avhd") == .vhd)
        #expect(DiskFormat.of(fileName: "a.img") == .raw)
        #expect(DiskFormat.of(fileName: "a.iso") == .iso)
        #expect(DiskFormat.of(fileName: "a.vhd/b") == nil)
        #expect(DiskFormat.of(fileName: "a.qcow2") == nil)
    }

    @Test func discsHaveSectorsOf2048Bytes() throws {
        var content = [UInt8](repeating: 0, count: 20 * 2048 + 100)
        content.replaceSubrange(16 * 2048 + 1..<16 * 2048 + 6, with: Array("CD001".utf8))
        try folder.file("a.iso", content)
        let disc = try DiskChain.resolve(path: folder("a.iso"), format: .iso).disk()
        #expect((disc.size, disc.logicalSectorSize, disc.isReadOnly) == (20 * 2048, 2048, true))
        #expect(throws: DiskError.self) { try disc.write([UInt8](repeating: 0, count: 2048), at: 0) }
        #expect(throws: DiskError.self) { try disc.read(at: 512, count: 512) }
        // Two machines may have one disc.
        try DiskChain.resolve(path: folder("a.iso"), format: .iso).disk().close()
        try disc.close()
    }
}

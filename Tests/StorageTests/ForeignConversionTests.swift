import Glibc
import Storage
import Testing

/// Convert-VHD from the formats of other programs.
@Suite(.enabled(if: ForeignTool.qemuImg != nil, "qemu-img is not installed")) struct ForeignConversionTests {
    let folder: DiskFolder
    let work = DiskOperations()
    init() throws { folder = try DiskFolder() }

    private func make(_ name: String, _ options: String...) throws {
        let format = name.hasSuffix("vmdk") ? "vmdk" : "qcow2"
        let made = try ForeignTool.run(
            ForeignTool.qemuImg, ["convert", "-f", "raw", "-O", format] + options + [folder("a.raw"), folder(name)], in: folder)
        #expect(made.code == 0, "\(made.text)")
    }

    private func content() throws -> [UInt8] {
        var random = SeededGenerator(state: 3)
        var content = [UInt8](repeating: 0, count: 6 << 20)
        for piece in stride(from: 0, to: content.count, by: 1 << 20) {
            content.replaceSubrange(piece..<piece + 9000, with: random.bytes(9000))
        }
        try folder.file("a.raw", content)
        return content
    }

    @Test(arguments: ["s.qcow2", "s.vmdk"], ["d.vhdx", "d.vhd", "d.raw"]) func contentArrives(source: String, destination: String) throws {
        let content = try content()
        try make(source)
        try work.convert(folder(source), to: folder(destination))
        let format = try #require(DiskFormat.of(fileName: destination))
        let disk = try DiskChain.resolve(path: folder(destination), format: format).disk()
        #expect(try disk.read(at: 0, count: content.count) == content)
        try disk.close()
        #expect(folder.names == ["a.raw", destination, source].sorted())
        #expect(throws: DiskOpenError.self) { try work.convert(folder(source), to: folder(destination)) }
        try work.convert(folder(source), to: folder("moved.vhdx"), kind: .fixed, deletingSource: true)
        #expect(folder.names == ["a.raw", destination, "moved.vhdx"].sorted())
        #expect(try work.information(folder("moved.vhdx")).kind == .fixed)
    }

    @Test func streamOptimizedVMDKArrives() throws {
        let content = try content()
        try make("s.vmdk", "-o", "subformat=streamOptimized")
        try work.convert(folder("s.vmdk"), to: folder("d.vhdx"))
        let disk = try DiskChain.resolve(path: folder("d.vhdx"), format: .vhdx).disk()
        defer { try? disk.close() }
        #expect(try disk.read(at: 0, count: content.count) == content)
    }

    /// Such an image could show its reader any file of the host.
    @Test func imagesThatNameOtherFilesAreRefused() throws {
        _ = try content()
        try make("base.qcow2")
        for arguments in [
            ["create", "-f", "qcow2", "-b", folder("base.qcow2"), "-F", "qcow2", folder("backed.qcow2")],
            ["create", "-f", "qcow2", "-o", "data_file=\(folder("data"))", folder("outside.qcow2"), "1M"],
            ["create", "-f", "vmdk", "-o", "subformat=monolithicFlat", folder("flat.vmdk"), "1M"],
            ["create", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", folder("split.vmdk"), "1M"],
        ] {
            let made = try ForeignTool.run(ForeignTool.qemuImg, arguments, in: folder)
            #expect(made.code == 0, "\(made.text)")
        }
        try make("parent.vmdk")
        let child = try ForeignTool.run(
            ForeignTool.qemuImg, "create", "-f", "vmdk", "-b", folder("parent.vmdk"), "-F", "vmdk", folder("child.vmdk"), in: folder)
        #expect(child.code == 0, "\(child.text)")
        for name in ["backed.qcow2", "outside.qcow2", "flat.vmdk", "split.vmdk", "child.vmdk"] {
            let failure = #expect(throws: DiskOperationError.self, "\(name)") { try work.convert(folder(name), to: folder("d.vhdx")) }
            #expect(failure?.code == .notSupported, "\(name)")
            #expect(failure?.message.contains(name) == true)
        }
        // Not what the name says.
        rename(folder("a.raw"), folder("fake.qcow2"))
        let wrong = #expect(throws: DiskOpenError.self) { try work.convert(folder("fake.qcow2"), to: folder("d.vhdx")) }
        #expect(wrong?.code == .wrongFormat)
        #expect(throws: DiskOpenError.self) { try work.convert(folder("missing.vmdk"), to: folder("d.vhdx")) }
        #expect(!folder.names.contains { $0.hasPrefix("d.vhdx") })
    }

    @Test func damagedAndStoppedConversionsLeaveNothing() throws {
        _ = try content()
        try make("s.qcow2")
        #expect(throws: DiskOperationError.self) {
            try DiskOperations(progress: { _ in false }).convert(folder("s.qcow2"), to: folder("d.vhdx"))
        }
        // QEMU reads what is cut off as zeros; that is no content to go on with.
        let bytes = try folder.bytes("s.qcow2")
        try folder.file("cut.qcow2", Array(bytes.prefix(bytes.count / 2)))
        let failure = #expect(throws: DiskOperationError.self) { try work.convert(folder("cut.qcow2"), to: folder("d.vhdx")) }
        #expect(failure?.code == .toolFailed)
        try make("s.vmdk")
        try folder.file("cut.vmdk", Array(try folder.bytes("s.vmdk").prefix(300_000)))
        #expect(throws: DiskOperationError.self) { try work.convert(folder("cut.vmdk"), to: folder("d.vhdx")) }
        #expect(folder.names == ["a.raw", "cut.qcow2", "cut.vmdk", "s.qcow2", "s.vmdk"])
    }
}

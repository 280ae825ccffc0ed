import Foundation
import Storage
import TestSupport
import Testing

/// QEMU and libvhdi agree with us about images.
@Suite struct VHDXForeignToolTests {
    static let hasQEMU = access("/usr/bin/qemu-img", X_OK) == 0 && access("/usr/bin/qemu-io", X_OK) == 0
    static let hasLibvhdi = access("/usr/bin/vhdiinfo", X_OK) == 0

    /// A folder that goes away with the test.
    final class Folder {
        let path: String
        init() throws {
            path = NSTemporaryDirectory() + "/vhdx-" + UUID().uuidString
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func save(_ content: SparseBytes, as name: String) throws -> String {
            let file = path + "/" + name
            let descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC, 0o600)
            defer { close(descriptor) }
            try #require(descriptor >= 0 && ftruncate(descriptor, off_t(content.size)) == 0)
            for (number, page) in content.pages where number * SparseBytes.pageSize < content.size {
                let count = min(page.count, Int(content.size - number * SparseBytes.pageSize))
                try #require(pwrite(descriptor, page, count, off_t(number * SparseBytes.pageSize)) == count)
            }
            return file
        }

        func load(_ file: String) throws -> SparseBytes {
            var content = SparseBytes()
            let descriptor = open(file, O_RDONLY)
            defer { close(descriptor) }
            try #require(descriptor >= 0)
            let size = lseek(descriptor, 0, SEEK_END)
            content.truncate(to: UInt64(size))
            var page = [UInt8](repeating: 0, count: 4096)
            var offset: off_t = 0
            while offset < size {
                // SEEK_DATA, which Glibc's module does not name.
                offset = lseek(descriptor, offset, 3)
                guard offset >= 0 else { break }
                offset -= offset % 4096
                let count = pread(descriptor, &page, 4096, offset)
                guard count > 0 else { break }
                if page[..<count].contains(where: { $0 != 0 }) { content.write(page[..<count], at: UInt64(offset)) }
                offset += 4096
            }
            return content
        }

        /// Exit code and all output.
        @discardableResult
        func run(_ tool: String, _ arguments: String...) throws -> (code: Int32, output: String) {
            let output = path + "/output"
            try? FileManager.default.removeItem(atPath: output)
            let process = try ChildProcess(
                "/usr/bin/" + tool, arguments, environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C"], streams: ("/dev/null", output, output)
            )
            guard case .exited(let code)? = process.ending(within: 30) else { return (-1, "killed or hung") }
            return (code, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
        }
    }

    static func image(_ options: VHDXOptions, writing writes: [(UInt64, [UInt8])]) throws -> SparseBytes {
        let file = PowerLossFile()
        try VHDXImage.create(on: file, options)
        let image = try VHDXImage(file: file)
        for (offset, bytes) in writes { try image.write(bytes, at: offset) }
        try image.close()
        return file.content
    }

    static func pattern(_ seed: UInt64, _ count: Int) -> [UInt8] {
        var random = SplitMix(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
    }

    static let shapes: [(DiskKind, UInt64, UInt32)] = [
        (.dynamic, 1 << 30, 32 << 20), (.dynamic, 100 << 20, 1 << 20), (.fixed, 5 << 20, 2 << 20), (.dynamic, 64 << 40, 256 << 20),
        (.dynamic, 200 << 30 + 512, 1 << 20),
    ]

    @Test("qemu-img checks and reads our images", .enabled(if: hasQEMU, "qemu-utils is not installed"), arguments: shapes)
    func qemuReadsOurs(_ kind: DiskKind, _ size: UInt64, _ blockSize: UInt32) throws {
        var options = VHDXOptions(size: size, kind: kind)
        options.blockSize = blockSize
        let last = size - 65536
        let content = try Self.image(
            options, writing: [(0, Self.pattern(1, 65536)), (3 << 20, Self.pattern(2, 3 * 512)), (last, Self.pattern(3, 65536))])
        let folder = try Folder()
        let path = try folder.save(content, as: "ours.vhdx")
        let check = try folder.run("qemu-img", "check", "-f", "vhdx", path)
        #expect(check.code == 0, "\(check.output)")
        let info = try folder.run("qemu-img", "info", "-f", "vhdx", path)
        #expect(info.output.contains("(\(size) bytes)"), "\(info.output)")
        for (offset, bytes) in [(UInt64(0), Self.pattern(1, 65536)), (3 << 20, Self.pattern(2, 3 * 512)), (last, Self.pattern(3, 65536))] {
            let raw = folder.path + "/part"
            let result = try folder.run(
                "qemu-img", "dd", "-f", "vhdx", "-O", "raw", "bs=512", "skip=\(offset / 512)",
                "count=\((offset + UInt64(bytes.count)) / 512)",
                "if=\(path)", "of=\(raw)")
            #expect(result.code == 0, "\(result.output)")
            let found = try [UInt8](Data(contentsOf: URL(fileURLWithPath: raw)))
            #expect(found == bytes, "at \(offset)")
        }
    }

    @Test("we read and go on writing QEMU's images", .enabled(if: hasQEMU, "qemu-utils is not installed"), arguments: ["dynamic", "fixed"])
    func weReadQEMUs(_ kind: String) throws {
        let folder = try Folder()
        let path = folder.path + "/theirs.vhdx"
        #expect(try folder.run("qemu-img", "create", "-f", "vhdx", "-o", "subformat=\(kind),block_size=1M", path, "20M").code == 0)
        #expect(try folder.run("qemu-io", "-f", "vhdx", "-c", "write -P 0x5a 3M 2M", "-c", "write -P 0x11 19M 512", path).code == 0)
        let file = PowerLossFile(try folder.load(path))
        let image = try VHDXImage(file: file)
        #expect(image.size == 20 << 20)
        #expect(image.kind == (kind == "fixed" ? .fixed : .dynamic))
        #expect(try image.bytes(at: 3 << 20, count: 2 << 20).allSatisfy { $0 == 0x5a })
        #expect(try image.bytes(at: 19 << 20, count: 1024) == [UInt8](repeating: 0x11, count: 512) + [UInt8](repeating: 0, count: 512))
        #expect(try image.bytes(at: 0, count: 1 << 20).allSatisfy { $0 == 0 })
        try image.write(Self.pattern(7, 8192), at: (4 << 20) - 4096)
        try image.write(Self.pattern(8, 8192), at: (9 << 20) - 4096)
        try image.close()
        let back = try folder.save(file.content, as: "back.vhdx")
        let check = try folder.run("qemu-img", "check", "-f", "vhdx", back)
        #expect(check.code == 0, "\(check.output)")
        let reading = try folder.run(
            "qemu-io", "-f", "vhdx", "-r", "-c", "read -P 0x5a 3M 1020k", "-c", "read -P 0x5a 4100k 1020k", "-c", "read -P 0 6M 2M", back)
        #expect(reading.code == 0 && !reading.output.contains("Pattern verification failed"), "\(reading.output)")
    }
}

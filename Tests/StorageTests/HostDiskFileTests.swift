import Basics
import CHost
import Glibc
import Storage
import Synchronization
import Testing

@Suite struct HostDiskFileTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    @Test func manySegmentsAndTheFilesEnd() throws {
        let file = try HostDiskFile.create(path: folder("a.raw"))
        var generator = SeededGenerator(state: 1)
        let content = generator.bytes(3000 * 7)
        // More segments than one system call takes, empty ones among them.
        var copy = content
        try copy.withUnsafeMutableBytes { buffer in
            let segments = (0..<3000).map { iovec(iov_base: buffer.baseAddress?.advanced(by: $0 * 7), iov_len: 7) }
            let withEmpty = segments.flatMap { [$0, iovec(iov_base: nil, iov_len: 0)] }
            try withEmpty.withUnsafeBufferPointer { try file.write(from: $0, at: 5) }
        }
        #expect(try file.size() == 5 + 21000)
        var result = [UInt8](repeating: 9, count: 3500 * 7)
        try result.withUnsafeMutableBytes { buffer in
            let segments = (0..<3500).map { iovec(iov_base: buffer.baseAddress?.advanced(by: $0 * 7), iov_len: 7) }
            try segments.withUnsafeBufferPointer { try file.read(into: $0, at: 5) }
        }
        #expect(Array(result[..<content.count]) == content)
        #expect(result[content.count...].allSatisfy { $0 == 0 })
    }

    @Test func roomIsReservedAndGivenBack() throws {
        let file = try HostDiskFile.create(path: folder("a.raw"))
        try file.allocate(at: 0, count: 4 << 20)
        #expect(try file.size() == 4 << 20)
        #expect(try file.allocatedSize() >= 4 << 20)
        try file.write([1, 2, 3], at: 1 << 20)
        try file.punchHole(at: 0, count: 4 << 20)
        #expect(try file.bytes(at: 1 << 20, count: 3) == [0, 0, 0])
        #expect(try file.allocatedSize() < 1 << 20)
        try file.truncate(to: 10)
        #expect(try file.size() == 10)
        file.close()
        #expect(throws: DiskError.self) { try file.size() }
    }

    @Test func aFileThatGrowsBeyondAllLimitsIsFull() throws {
        let file = try HostDiskFile.create(path: folder("a.raw"))
        let failure = #expect(throws: DiskError.self) { try file.write([1], at: UInt64(Int64.max) - 10) }
        #expect(failure?.code == .full)
    }

    @Test func aWriterShutsOthersOutAndReadersOnlyWriters() throws {
        let path = try folder.file("a.raw", [1])
        let writer = try HostDiskFile.open(path: path, readOnly: false)
        for readOnly in [true, false] {
            let failure = #expect(throws: DiskOpenError.self) { try HostDiskFile.open(path: path, readOnly: readOnly) }
            #expect(failure?.code == .inUse)
        }
        writer.close()
        let readers = try (0..<3).map { _ in try HostDiskFile.open(path: path, readOnly: true) }
        #expect(throws: DiskOpenError.self) { try HostDiskFile.open(path: path, readOnly: false) }
        for reader in readers { reader.close() }
        try HostDiskFile.open(path: path, readOnly: false).close()
    }

    @Test func theLockGoesWithTheDescriptor() throws {
        let path = try folder.file("a.raw", [UInt8](repeating: 1, count: 512))
        let chain = try DiskChain.resolve(path: path, format: .raw)
        // What SCM_RIGHTS does too: another descriptor of the same description.
        let handed = HostDiskFile(descriptor: dup(chain.entries[0].descriptor), name: path, isReadOnly: false)
        chain.close()
        #expect(throws: DiskOpenError.self) { try HostDiskFile.open(path: path, readOnly: true) }
        handed.close()
        try HostDiskFile.open(path: path, readOnly: false).close()
    }

    @Test func aSharedLockNeedsReadAccessOnly() throws {
        let path = try folder.file("a.raw", [1])
        chmod(path, 0o444)
        let reader = try HostDiskFile.open(path: path, readOnly: true)
        let failure = #expect(throws: DiskError.self) { try reader.write([1], at: 0) }
        #expect(failure?.code == .readOnly)
    }

    @Test func onlyRegularFiles() throws {
        mkfifo(folder("pipe"), 0o600)
        for name in ["pipe", ".", "/dev/null"] {
            let failure = #expect(throws: DiskOpenError.self) {
                try HostDiskFile.open(path: name.hasPrefix("/") ? name : folder(name), readOnly: true)
            }
            #expect(failure?.code == .notAFile)
        }
        let failure = #expect(throws: DiskOpenError.self) { try HostDiskFile.open(path: folder("nothing"), readOnly: true) }
        #expect(failure?.code == .notFound)
        #expect(failure?.identifier == "DiskNotFound")
    }

    @Test(.enabled(if: ForeignTool.qemuImg != nil, "qemu-img is not installed"))
    func lockedAgainstQEMUToo() throws {
        let path = try folder.file("a.raw", [UInt8](repeating: 0, count: 65536))
        let writer = try HostDiskFile.open(path: path, readOnly: false)
        #expect(try ForeignTool.run(ForeignTool.qemuImg, "compare", "-f", "raw", "-F", "raw", path, path, in: folder).code != 0)
        writer.close()
        let reader = try HostDiskFile.open(path: path, readOnly: true)
        #expect(try ForeignTool.run(ForeignTool.qemuImg, "compare", "-f", "raw", "-F", "raw", path, path, in: folder).code == 0)
        #expect(try ForeignTool.run(ForeignTool.qemuImg, "resize", "-f", "raw", path, "1M", in: folder).code != 0)
        reader.close()
    }

    /// A guest may give room back between the two questions that a range takes: what lies behind it is found all the same.
    @Test func dataBehindAHoleThatComesAndGoesIsFound() throws {
        let far: UInt64 = 1 << 20
        let writer = try HostDiskFile.create(path: folder("a.raw"))
        try writer.truncate(to: 2 << 20)
        let reader = HostDiskFile(descriptor: open(folder("a.raw"), O_RDONLY | O_CLOEXEC), name: "a.raw", isReadOnly: true)
        try writer.write([UInt8](repeating: 1, count: 4096), at: far)
        try writer.synchronise()
        let isStopped = Atomic(false)
        let thread = HostThread(name: "guest") {
            let bytes = [UInt8](repeating: 2, count: 4096)
            while !isStopped.load(ordering: .relaxed) {
                try? writer.write(bytes, at: 0)
                try? writer.punchHole(at: 0, count: 4096)
            }
        }
        var missed = 0
        for _ in 0..<100_000 {
            var (position, isFound): (UInt64, Bool) = (0, false)
            while let range = try reader.nextDataRange(from: position) {
                if range.contains(far) { isFound = true }
                position = range.upperBound
            }
            if !isFound { missed += 1 }
        }
        isStopped.store(true, ordering: .relaxed)
        thread.join()
        #expect(missed == 0)
    }
}

import Glibc
import Storage
import Testing

/// Transfers that do not wait for the host's storage.
@Suite struct AtOnceTests {
    let folder: DiskFolder
    init() throws { folder = try DiskFolder() }

    private func read(_ disk: any Disk, at offset: UInt64, _ count: Int) throws -> (isDone: Bool, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0xEE, count: count)
        let isDone = try bytes.withUnsafeMutableBytes { buffer in
            let segments = [iovec(iov_base: buffer.baseAddress, iov_len: count)]
            return try segments.withUnsafeBufferPointer { try disk.readAtOnce(into: $0, at: offset) }
        }
        return (isDone, bytes)
    }

    private func write(_ disk: any Disk, at offset: UInt64, _ bytes: [UInt8]) throws -> Bool {
        var bytes = bytes
        return try bytes.withUnsafeMutableBytes { buffer in
            let segments = [iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)]
            return try segments.withUnsafeBufferPointer { try disk.writeAtOnce(from: $0, at: offset) }
        }
    }

    private func writeSlowly(_ disk: any Disk, at offset: UInt64, _ bytes: [UInt8]) throws {
        var bytes = bytes
        try bytes.withUnsafeMutableBytes { buffer in
            let segments = [iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)]
            try segments.withUnsafeBufferPointer { try disk.write(from: $0, at: offset) }
        }
    }

    @Test func aRawDiskReadsWhatIsCached() throws {
        let path = try folder.file("a.raw", [UInt8](repeating: 7, count: 1 << 20))
        let disk = try FlatDisk.raw(HostDiskFile.open(path: path, readOnly: false), readOnly: false)
        // What was just written is in memory. A file system that cannot promise it says no, and nothing is lost.
        let found = try read(disk, at: 4096, 8192)
        #expect(!found.isDone || found.bytes == [UInt8](repeating: 7, count: 8192))
        let content = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        if try !write(disk, at: 512, content) { try writeSlowly(disk, at: 512, content) }
        let again = try read(disk, at: 512, 4096)
        #expect(!again.isDone || again.bytes == content)
        #expect(throws: DiskError.self) { try read(disk, at: 1 << 20, 512) }
        #expect(throws: DiskError.self) { try write(disk, at: 1, [1]) }
        try disk.close()
        #expect(throws: DiskError.self) { try read(disk, at: 0, 512) }
    }

    @Test func aDynamicDiskMovesDataOnly() throws {
        let path = folder("a.vhdx")
        let file = try HostDiskFile.create(path: path)
        var options = VHDXOptions(size: 64 << 20, kind: .dynamic)
        options.blockSize = 1 << 20
        try VHDXImage.create(on: file, options)
        let disk = try VHDXImage(file: file)
        // Nothing is there yet: zeros need no file, a new block needs more than a transfer.
        let empty = try read(disk, at: 3 << 20, 4096)
        #expect(empty.isDone && empty.bytes.allSatisfy { $0 == 0 })
        let content = [UInt8](repeating: 9, count: 4096)
        #expect(try write(disk, at: 3 << 20, content) == false)
        try writeSlowly(disk, at: 3 << 20, content)
        if try write(disk, at: 3 << 20 + 4096, content) {
            let found = try read(disk, at: 3 << 20, 8192)
            #expect(!found.isDone || found.bytes == content + content)
        }
        // From a block that is there into one that is not.
        #expect(try write(disk, at: 4 << 20 - 2048, content) == false)
        #expect(try read(disk, at: 4 << 20 - 2048, 4096).isDone == false)
        try disk.close()
    }

    @Test func patienceEndsWithSlowWritesAndComesBack() {
        var promptness = FilePromptness()
        let slow = FilePromptness.limit * 2
        var now: UInt64 = 1_000_000_000
        // One now and then is an interruption of the thread.
        for _ in 0..<10 {
            promptness.took(from: now, to: now + slow)
            #expect(promptness.allows(at: now + slow))
            for _ in 0..<8 { promptness.took(from: now, to: now + 1000) }
        }
        for _ in 0..<3 { promptness.took(from: now, to: now + slow) }
        #expect(!promptness.allows(at: now + slow) && !promptness.allows(at: now + 100 * slow))
        now += 102 * slow
        #expect(promptness.allows(at: now))
        // Longer than any interruption.
        promptness.took(from: now, to: now + FilePromptness.certainLimit + 1)
        #expect(!promptness.allows(at: now + FilePromptness.certainLimit + 1))
    }
}

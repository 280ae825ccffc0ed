#if canImport(Glibc)
    import Glibc
#endif

/// A kernel or ramdisk to load, read in pieces straight into guest RAM.
package protocol BootFile: Sendable {
    /// For messages.
    var name: String { get }
    /// Bytes.
    var size: UInt64 { get }
    /// Fills `buffer` from `offset`; fails where the file ends before.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(BootError)
}

extension BootFile {
    /// The bytes from `offset`, at most `count` and at most what is there.
    func bytes(at offset: UInt64, count: Int) throws(BootError) -> [UInt8] {
        guard offset < size else { return [] }
        let count = Int(min(UInt64(count), size - offset))
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: BootError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(BootError) { try read(at: offset, into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// A boot file that is already in memory (guest programs of tests).
package struct MemoryBootFile: BootFile {
    package let name: String
    private let content: [UInt8]
    package init(name: String, bytes: [UInt8]) { (self.name, content) = (name, bytes) }
    package var size: UInt64 { UInt64(content.count) }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(BootError) {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(buffer.count))
        guard !overflow, end <= size else { throw BootError(.fileUnreadable, file: name, detail: "it ends early") }
        buffer.copyBytes(from: content[Int(offset)..<Int(end)])
    }
}

/// A boot file behind an open descriptor, which it owns. It stays open for the machine's life: a reset loads the kernel again.
package final class DescriptorBootFile: BootFile {
    package let name: String
    package let size: UInt64
    private let descriptor: Int32

    package convenience init(path: String) throws(BootError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw BootError(.fileMissing, file: path) }
            throw BootError(.fileUnreadable, file: path, detail: String(cString: strerror(errno)))
        }
        try self.init(descriptor: descriptor, name: path)
    }

    /// Takes `descriptor` over; it is closed also when this fails.
    package init(descriptor: Int32, name: String) throws(BootError) {
        var information = stat()
        guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw BootError(.fileUnreadable, file: name, detail: "it is not a regular file")
        }
        (self.descriptor, self.name, size) = (descriptor, name, UInt64(information.st_size))
    }

    deinit { close(descriptor) }

    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(BootError) {
        var done = 0
        while done < buffer.count {
            guard let start = buffer.baseAddress else { return }
            let count = pread(descriptor, start + done, buffer.count - done, off_t(offset) + off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw BootError(.fileUnreadable, file: name, detail: count == 0 ? "it ends early" : String(cString: strerror(errno)))
            }
            done += count
        }
    }
}

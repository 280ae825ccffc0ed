import CHost
import Glibc

/// A disk image's file on this host. The lock it was opened with belongs to the open file description: a process that gets the
/// descriptor has the lock too. `close` ends it for all of them; who only hands a descriptor over closes that (`DiskChain.close`).
public final class HostDiskFile: DiskFile, @unchecked Sendable {
    // Safety: one thread at a time uses a disk and its file.
    public let descriptor: Int32
    public let name: String
    public let isReadOnly: Bool
    private var isClosed = false
    /// How quick transfers were that should not wait.
    var promptness = FilePromptness()
    /// The lock, if there is one, ends with this object.
    private let isLocked: Bool

    /// Owns `descriptor`, and a lock that came with it, from now on.
    public convenience init(descriptor: Int32, name: String, isReadOnly: Bool) {
        self.init(descriptor: descriptor, name: name, isReadOnly: isReadOnly, isLocked: true)
    }

    init(descriptor: Int32, name: String, isReadOnly: Bool, isLocked: Bool) {
        (self.descriptor, self.name, self.isReadOnly, self.isLocked) = (descriptor, name, isReadOnly, isLocked)
    }

    deinit { close() }

    public func close() {
        guard !isClosed else { return }
        isClosed = true
        // Closing alone would leave the lock with a process that another thread is just starting.
        if isLocked { lv_disk_unlock(descriptor) }
        _ = Glibc.close(descriptor)
    }

    /// Hands the descriptor with its lock over: this object is closed and the caller closes the file.
    func releaseDescriptor() -> Int32 {
        isClosed = true
        return descriptor
    }

    public func size() throws(DiskError) -> UInt64 {
        try checkOpen()
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("looked at", -errno) }
        return UInt64(max(0, status.st_size))
    }

    /// Bytes of the host's disk that it takes.
    public func allocatedSize() throws(DiskError) -> UInt64 {
        try checkOpen()
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("looked at", -errno) }
        return UInt64(max(0, status.st_blocks)) * 512
    }

    public func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try checkOpen()
        let result = lv_disk_read(descriptor, segments.baseAddress, Int32(segments.count), offset)
        guard result == 0 else { throw failure("read", result) }
    }

    public func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        try checkWritable()
        let result = lv_disk_write(descriptor, segments.baseAddress, Int32(segments.count), offset)
        guard result == 0 else { throw failure("written", result) }
    }

    public func truncate(to size: UInt64) throws(DiskError) {
        try checkWritable()
        guard let length = off_t(exactly: size) else { throw failure("resized", -EFBIG) }
        while ftruncate(descriptor, length) != 0 {
            guard errno == EINTR else { throw failure("resized", -errno) }
        }
    }

    public func allocate(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkWritable()
        let result = lv_disk_allocate(descriptor, offset, count)
        if result == 0 { return }
        guard result == -EOPNOTSUPP else { throw failure("given room", result) }
        // Zeros reserve room where fallocate cannot; they go behind the end only, because nothing of ours lies there.
        let end = try size()
        guard offset + count > end else { return }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var position = max(offset, end)
        while position < offset + count {
            let step = min(UInt64(zeros.count), offset + count - position)
            try write(step == UInt64(zeros.count) ? zeros : Array(zeros[..<Int(step)]), at: position)
            position += step
        }
    }

    public func punchHole(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkWritable()
        let result = lv_disk_punch(descriptor, offset, count)
        if result != 0, result != -EOPNOTSUPP { throw failure("given back room", result) }
    }

    public func synchronise() throws(DiskError) {
        try checkOpen()
        lv_disk_count_call()
        while fdatasync(descriptor) != 0 {
            guard errno == EINTR else { throw failure("brought to stable storage", -errno) }
        }
    }

    /// The first range at or behind `offset` that may hold data rather than a hole; nil: none up to the end.
    public func nextDataRange(from offset: UInt64) throws(DiskError) -> Range<UInt64>? {
        try checkOpen()
        let start = lv_disk_seek(descriptor, offset, 1)
        if start == -Int64(ENXIO) { return nil }
        // A file system that does not know its holes has none.
        guard start >= 0 else { return try Self.range(offset, size()) }
        let end = lv_disk_seek(descriptor, UInt64(start), 0)
        if end > start { return UInt64(start)..<UInt64(end) }
        // It may have become a hole since the first question (a guest gave it back): a piece of it counts as data all the same, for an
        // answer without any would say that nothing lies behind it.
        return try Self.range(UInt64(start), end < 0 ? size() : min(size(), UInt64(start) + 65536))
    }

    private static func range(_ start: UInt64, _ end: UInt64) -> Range<UInt64>? { start < end ? start..<end : nil }

    func checkOpen() throws(DiskError) {
        if isClosed { throw DiskError(.closed, "“\(name)” is closed.", file: name) }
    }

    func checkWritable() throws(DiskError) {
        try checkOpen()
        if isReadOnly { throw DiskError(.readOnly, "“\(name)” is open for reading only.", file: name) }
    }

    func failure(_ done: String, _ result: Int32) -> DiskError {
        switch -result {
        case ENOSPC, EDQUOT:
            DiskError(.full, "“\(name)” has no space left on its file system.", file: name, action: "Make room there and go on.")
        case EFBIG:
            DiskError(
                .full, "“\(name)” would become larger than its file system or a limit of this process allows.", file: name,
                action: "Raise the limit, or move the file to another file system.")
        default: DiskError(.failed, "“\(name)” cannot be \(done): \(String(cString: strerror(-result))).", file: name)
        }
    }
}

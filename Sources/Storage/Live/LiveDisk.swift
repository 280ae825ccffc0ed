import Basics
import Glibc

/// The hard disk of a running machine: a chain of images whose uppermost one the guest writes, and which can be forked for a checkpoint,
/// merged and moved while the guest goes on.
///
/// One thread at a time does the guest's input and output, as with every disk; the work on the chain is done by others. The guest's
/// thread never waits for copying, only for the moments in which the chain changes. `close` ends work that is under way.
///
///     images    [0] written   [1] frozen   [2] frozen ...        each the parent of the one before
///     fork      a new, empty image becomes [0]
///     merge     the content of [n] is written into [n + 1], and [n] is no longer needed
///     mirror    a copy of [0] elsewhere takes its place
public final class LiveDisk: Disk, @unchecked Sendable {
    // Safety: `lock` guards all that changes.
    let lock = HostLock()
    /// `images[0].disk`.
    var top: any Disk
    /// The image that is written first.
    var images: [LiveImage]
    /// What was written since a copy of the top was begun; nil: there is none.
    var dirty: DirtyMap?
    /// Who changes the chain; one at a time.
    var work: LiveWork?
    private var isClosing = false

    public let size: UInt64
    public let logicalSectorSize: Int
    public let physicalSectorSize: Int
    public let isReadOnly: Bool
    /// Of the lowest image that is not a checkpoint's, so that a guest meets the same disk after every fork and merge.
    public let identifier: [UInt8]?
    public let canDiscard: Bool

    /// The disk of an open chain, its own image first. Opens no path; the formats are taken as given. `folders` are those of the images,
    /// where known: without its folder an image that came open for reading cannot be merged into. Owns the descriptors from the call on.
    public convenience init(_ chain: [DiskChainEntry], folders: [ImageFolder?] = [], readOnly: Bool = false) throws(DiskOpenError) {
        var files: [(file: any LiveImageFile, format: DiskFormat)] = []
        for (position, entry) in chain.enumerated() {
            let folder = position < folders.count ? folders[position] : nil
            let name = entry.path.split(separator: "/").last.map(String.init) ?? ""
            let isOpenForWriting = fcntl(entry.descriptor, F_GETFL) & O_ACCMODE == O_RDWR
            files.append(
                (
                    LiveHostFile(
                        descriptor: entry.descriptor, path: entry.path, place: folder.flatMap { try? ImagePlace(folder: $0, name: name) },
                        isWritable: position == 0 && !readOnly && isOpenForWriting), entry.format
                ))
        }
        try self.init(files: files)
    }

    package init(files: [(file: any LiveImageFile, format: DiskFormat)]) throws(DiskOpenError) {
        guard !files.isEmpty, files.count <= DiskChain.greatestDepth else {
            throw DiskOpenError(.chainTooLong, "A disk has 1 to \(DiskChain.greatestDepth) images, not \(files.count).")
        }
        let images = try Self.open(files)
        self.images = images
        top = images[0].disk
        (size, logicalSectorSize, physicalSectorSize) = (top.size, top.logicalSectorSize, top.physicalSectorSize)
        (isReadOnly, canDiscard) = (top.isReadOnly, top.canDiscard)
        identifier = (images.first { !$0.isOfCheckpoint } ?? images[0]).disk.identifier
    }

    /// Opens the images, each on the next.
    static func open(_ files: [(file: any LiveImageFile, format: DiskFormat)]) throws(DiskOpenError) -> [LiveImage] {
        var images: [LiveImage] = []
        for (file, format) in files.reversed() {
            let content = file.isWritable ? try file.forWriting() : try file.forReading()
            let disk = try VirtualDisk.open(content, format, parent: images.first?.disk, readOnly: content.isReadOnly)
            images.insert(LiveImage(file: file, format: format, disk: disk), at: 0)
        }
        return images
    }

    /// One image of the chain as it is now.
    public struct Image: Sendable, Equatable {
        public var path: String
        public var format: DiskFormat
        public var kind: DiskKind
        /// Bytes of the disk.
        public var size: UInt64
        public var isWritable: Bool
        public var diskIdentifier: GUID?
    }

    /// The images, the one that is written first.
    public var chain: [Image] {
        lock.withLock {
            images.map { image in
                let disk = image.disk as? any DiskImage
                return Image(
                    path: image.file.path, format: image.format, kind: disk?.kind ?? .fixed, size: image.disk.size,
                    isWritable: !image.disk.isReadOnly, diskIdentifier: disk?.diskIdentifier)
            }
        }
    }

    public func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        try top.read(into: segments, at: offset)
    }

    public func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        // Before it is done: a part of a write that fails may be there.
        if dirty != nil { dirty?.mark(offset, segments.byteCount) }
        try top.write(from: segments, at: offset)
    }

    public func readAtOnce(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        guard lock.tryLock() else { return false }
        defer { lock.unlock() }
        return try top.readAtOnce(into: segments, at: offset)
    }

    public func writeAtOnce(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool {
        guard lock.tryLock() else { return false }
        defer { lock.unlock() }
        if dirty != nil { dirty?.mark(offset, segments.byteCount) }
        return try top.writeAtOnce(from: segments, at: offset)
    }

    public func flush() throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        try top.flush()
    }

    public func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        if dirty != nil { dirty?.mark(offset, count) }
        try top.discard(at: offset, count: count)
    }

    /// As for every disk; a fork that was prepared is abandoned, a merge or a move that is under way ends as if it was cancelled.
    public func close() throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        isClosing = true
        work?.isCancelled = true
        if let fork = work?.preparedFork {
            fork.abandon()
            work = nil
        }
        while work != nil { lock.wait() }
        try top.close()
        for image in images { image.file.close() }
    }

    /// As `close`, but the images stay open and locked, for whoever uses them next. Refused while there is work on the chain.
    package func handOver() throws(DiskError) -> [DiskChainEntry] {
        lock.lock()
        defer { lock.unlock() }
        let files = images.compactMap { $0.file as? LiveHostFile }
        guard !isClosing, work == nil, files.count == images.count else {
            throw DiskError(.failed, "“\(images[0].file.path)” is being worked on.", file: images[0].file.path)
        }
        try top.close()
        isClosing = true
        return zip(images, files).map { image, file in
            DiskChainEntry(descriptor: file.handOver(), path: file.path, format: image.format)
        }
    }

    /// Stops the merge or the move that is under way; it ends soon afterwards with `OperationStopped`, the disk as before.
    public func cancelWork() { lock.withLock { work?.isCancelled = true } }

    /// Begins a change of the chain.
    func begin(_ what: String) throws -> LiveWork {
        try lock.withLock {
            guard !isClosing else { throw DiskError(.closed, "“\(images[0].file.path)” is closed.", file: images[0].file.path) }
            if let work {
                throw DiskOperationError(
                    .busy, "“\(images[0].file.path)” cannot be \(what) while it is being \(work.what).", file: images[0].file.path,
                    action: "Wait until that is done, or stop it.")
            }
            let work = LiveWork(what)
            self.work = work
            return work
        }
    }

    func end(_ work: LiveWork) {
        lock.withLock {
            if self.work === work { self.work = nil }
            dirty = nil
            lock.wakeAll()
        }
    }
}

/// One image of a live chain.
final class LiveImage {
    let file: any LiveImageFile
    let format: DiskFormat
    let disk: any Disk

    init(file: any LiveImageFile, format: DiskFormat, disk: any Disk) { (self.file, self.format, self.disk) = (file, format, disk) }

    /// Checkpoints' images have names of their own, which no other image should have.
    var isOfCheckpoint: Bool { file.path.lowercased().hasSuffix(".avhdx") || file.path.lowercased().hasSuffix(".avhd") }

    /// Takes the image out of its chain: what is below stays open.
    func detach() {
        if let image = disk as? any DiskImage { image.parent = nil }
    }
}

/// A change of the chain that is under way; guarded by the disk's lock.
final class LiveWork {
    let what: String
    var isCancelled = false
    var preparedFork: PreparedFork?

    init(_ what: String) { self.what = what }
}

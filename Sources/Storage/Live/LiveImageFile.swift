import CHost
import Glibc

/// An image's file as the chain of a running machine needs it: what is opened of it shares one lock, which this object has.
package protocol LiveImageFile: AnyObject, Sendable {
    /// For messages and for what images say about their parents.
    var path: String { get }
    /// True when the lock is a writer's.
    var isWritable: Bool { get }
    /// The file for one more reader of this process. Closing it leaves the lock.
    func forReading() throws(DiskOpenError) -> any DiskFile
    /// The file for writing, after making the lock a writer's. Closing it leaves the lock; after a failure the lock is as before.
    func forWriting() throws(DiskOpenError) -> any DiskFile
    /// Makes the lock a reader's: the image is not written any more.
    func share()
    /// Lets the lock go.
    func close()
}

/// The file on this host.
final class LiveHostFile: LiveImageFile, @unchecked Sendable {
    // Safety: only who does the disk's background work, one at a time, uses it.
    let path: String
    private let place: ImagePlace?
    /// The open file that has the lock.
    private var descriptor: Int32
    private(set) var isWritable: Bool
    private var isClosed = false

    /// Owns `descriptor` with the lock it came with. `place` nil: the image cannot become writable if it is not.
    init(descriptor: Int32, path: String, place: ImagePlace?, isWritable: Bool) {
        (self.descriptor, self.path, self.place, self.isWritable) = (descriptor, path, place, isWritable)
    }

    deinit { close() }

    func forReading() throws(DiskOpenError) -> any DiskFile { try file(readOnly: true) }

    func forWriting() throws(DiskOpenError) -> any DiskFile {
        if !isWritable { try becomeWriter() }
        return try file(readOnly: false)
    }

    func share() {
        guard isWritable, !isClosed else { return }
        isWritable = lv_disk_share(descriptor) != 0
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        lv_disk_unlock(descriptor)
        _ = Glibc.close(descriptor)
    }

    /// Closes this object; the file with its lock is the caller's.
    func handOver() -> Int32 {
        isClosed = true
        return descriptor
    }

    private func file(readOnly: Bool) throws(DiskOpenError) -> HostDiskFile {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw DiskOpenError.system(errno, path) }
        return HostDiskFile(descriptor: copy, name: path, isReadOnly: readOnly, isLocked: false)
    }

    private func becomeWriter() throws(DiskOpenError) {
        if fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDWR {
            try lockForWriting(descriptor)
            isWritable = true
            return
        }
        guard let place else {
            throw DiskOpenError(
                .notPermitted, "“\(path)” is open for reading only and its folder is not known.", file: path,
                action: "Turn the virtual machine off and try again.")
        }
        // Shared beside the old lock first: between the two no other writer can begin.
        let file = try HostDiskFile.open(in: place.folder.descriptor, place.name, path: path, readOnly: false, sharing: true)
        guard try file.identity() == self.file(readOnly: true).identity() else {
            throw DiskOpenError(.notFound, "“\(path)” is not the file any more that the running disk uses.", file: path)
        }
        lv_disk_unlock(descriptor)
        do throws(DiskOpenError) {
            try lockForWriting(file.descriptor)
        } catch {
            lv_disk_lock(descriptor, 0)
            throw error
        }
        _ = Glibc.close(descriptor)
        (descriptor, isWritable) = (file.releaseDescriptor(), true)
    }

    /// Somebody who just looks at the image holds a reader's lock for a moment.
    private func lockForWriting(_ descriptor: Int32) throws(DiskOpenError) {
        for _ in 0..<20 {
            let result = lv_disk_lock(descriptor, 1)
            if result == 0 { return }
            guard result == -EAGAIN else { throw DiskOpenError.system(-result, path) }
            usleep(10_000)
        }
        throw DiskOpenError.inUse(path)
    }
}

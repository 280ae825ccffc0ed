import CHost
import Glibc

/// Work on the disk's chain of images, which this process does itself: for so long it has them open in the service's place.
///
/// ```
/// takeOver    drain, flush, end the service      then whatever would be lost with it is in the files
///             open the images here               as a successor would
/// handBack    flush, close but keep the locks, start a service for the images as they are now
/// ```
/// A service that ends meanwhile changes nothing, and a worker that ends leaves what a worker without services would.
extension ServedDisk {
    /// The disk in this process until `handBack`, which must follow. Several may have it; the guest's requests go there as well. `folders`
    /// gives the folder of an image where known (see `LiveDisk`).
    package func takeOver(_ folder: (_ image: String) -> ImageFolder?) throws -> LiveDisk {
        lock.lock()
        defer { lock.unlock() }
        guard !isClosed else { throw DiskError(.closed, "The disk “\(file)” is closed.", file: file) }
        if let own {
            holders += 1
            return own
        }
        try flushService()
        if let link {
            guard link.end(patience: patience) else {
                throw DiskError(.failed, "The disk service of “\(file)”, process \(link.process), killed, does not end.", file: file)
            }
            forgetLink()
        }
        do {
            let live = try LiveDisk(try copies(), folders: chain.map { folder($0.path) }, readOnly: isForReading)
            for entry in chain { Glibc.close(entry.descriptor) }
            (own, holders, chain) = (live, 1, [])
            return live
        } catch {
            // What was opened in vain has let the locks go, which are those of our descriptors, too.
            for (position, entry) in chain.enumerated() {
                let isWriter = position == 0 && !isForReading && fcntl(entry.descriptor, F_GETFL) & O_ACCMODE == O_RDWR
                lv_disk_lock(entry.descriptor, isWriter ? 1 : 0)
            }
            do throws(DiskError) { try start() } catch { note(error.message) }
            throw error
        }
    }

    /// Ends what `takeOver` began. The guest's requests go to a service again; if the images cannot be brought to rest for that, they stay
    /// here, and the next one tries again.
    package func handBack() {
        lock.lock()
        defer { lock.unlock() }
        holders = max(0, holders - 1)
        guard holders == 0, let own, !isClosed else { return }
        do throws(DiskError) {
            chain = try own.handOver()
            self.own = nil
            try start()
        } catch { note("The disk “\(file)” has no service of its own now: \(error.message)") }
    }

    private func copies() throws -> [DiskChainEntry] {
        var result: [DiskChainEntry] = []
        for entry in chain {
            let copy = fcntl(entry.descriptor, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else {
                let number = errno
                for made in result { Glibc.close(made.descriptor) }
                throw DiskOpenError.system(number, entry.path)
            }
            result.append(DiskChainEntry(descriptor: copy, path: entry.path, format: entry.format))
        }
        return result
    }

    /// This process has the images open.
    package var isHere: Bool { lock.withLock { own != nil } }

    /// The paths of its images as they are now, its own first.
    package var images: [String] {
        lock.lock()
        defer { lock.unlock() }
        return own?.chain.map(\.path) ?? chain.map(\.path)
    }
}

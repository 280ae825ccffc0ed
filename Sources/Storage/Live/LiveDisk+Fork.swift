import Basics

/// The new image of a fork that is not there for the guest yet.
final class PreparedFork {
    let image: LiveImage
    private let remove: () -> Void

    init(_ image: LiveImage, remove: @escaping () -> Void) { (self.image, self.remove) = (image, remove) }

    func abandon(removing: Bool = true) {
        image.detach()
        try? image.disk.close()
        if removing { remove() }
        image.file.close()
    }
}

/// Forks for checkpoints: what the disk holds now stays in a frozen image, and the guest goes on in a new one.
extension LiveDisk {
    /// Forks at once. On failure nothing has changed and there is no new file. `recording` writes down that the machine's disk is the new
    /// image now; see `commitForks`.
    public func fork(to place: ImagePlace, recording: () throws -> Void = {}) throws {
        try prepareFork(to: place)
        do {
            try Self.commitForks([self], recording: recording)
        } catch {
            abandonFork()
            throw error
        }
    }

    /// Makes the new image, on stable storage and with its name, without freezing anything: the guest goes on as before. `commitForks` or
    /// `abandonFork` must follow; until then other work on the disk is refused.
    public func prepareFork(to place: ImagePlace) throws {
        try prepareFork(path: place.path) { write in
            let new = try NewImageFile(place)
            try write(new.file)
            return LiveHostFile(descriptor: try new.finishOpen(), path: place.path, place: place, isWritable: true)
        } removing: {
            try? place.unlink()
        }
    }

    /// As above, with a file that `creating` makes: it hands it to the closure it is given, then gives it its name.
    package func prepareFork(
        path: String, creating: ((any DiskFile) throws -> Void) throws -> any LiveImageFile, removing: @escaping () -> Void
    ) throws {
        let work = try begin("checkpointed")
        do {
            let (specification, parentPath) = try lock.withLock {
                let name = images[0].file.path
                guard images.count < DiskChain.greatestDepth else {
                    throw DiskOpenError(
                        .chainTooLong, "“\(name)” has \(images.count - 1) parents, and one more is too many.", file: name,
                        action: "Remove checkpoints, which merges their images.")
                }
                guard !isReadOnly else {
                    throw DiskOperationError(
                        .notSupported, "“\(name)” is attached read-only and needs no checkpoint.", file: name)
                }
                // From the first change on a VHDX has the identifier that it keeps; the child must name that one.
                try (top as? any DiskImage)?.settleLinkIdentifier()
                try top.flush()
                return (try ChildSpecification(above: top, file: name), name)
            }
            let file = try creating { try specification.write(to: $0, at: path, parentPath: parentPath) }
            do {
                try lock.withLock {
                    let disk = try VirtualDisk.open(try file.forWriting(), specification.format, parent: top, readOnly: false)
                    (disk as? any DiskImage)?.keepIdentifiers()
                    let image = LiveImage(file: file, format: specification.format, disk: disk)
                    work.preparedFork = PreparedFork(image, remove: removing)
                }
            } catch {
                removing()
                file.close()
                throw error
            }
        } catch {
            end(work)
            throw error
        }
    }

    /// Ends a prepared fork as if it had never been. The new file is removed, unless the caller does it, who may have named it somewhere.
    public func abandonFork(removing: Bool = true) {
        let work = lock.withLock { self.work?.preparedFork == nil ? nil : self.work }
        guard let work else { return }
        lock.withLock {
            work.preparedFork?.abandon(removing: removing)
            work.preparedFork = nil
        }
        end(work)
    }

    /// Lets the guest go on in the new images of all `disks`, which were prepared: no write of the guest is in one disk's frozen image that
    /// came after a write in another's new one.
    ///
    /// First everything written before is brought to stable storage; if that fails, or `recording` throws, no disk has changed and all
    /// forks are still prepared. `recording` runs when all is flushed and before any guest's write gets to the new images: it makes last
    /// that the machine's disks are the new images now, so that nothing a guest flushes is lost by a power cut. It must not use the disks.
    public static func commitForks(_ disks: [LiveDisk], recording: () throws -> Void = {}) throws {
        // One order for all threads.
        let disks = Dictionary(disks.map { (ObjectIdentifier($0), $0) }) { first, _ in first }.sorted { $0.key < $1.key }.map(\.value)
        for disk in disks { disk.lock.lock() }
        do {
            for disk in disks {
                guard disk.work?.preparedFork != nil else {
                    throw DiskOperationError(.busy, "No fork of “\(disk.images[0].file.path)” is prepared.", file: disk.images[0].file.path)
                }
                try disk.top.flush()
            }
            try recording()
        } catch {
            for disk in disks { disk.lock.unlock() }
            throw error
        }
        for disk in disks { disk.switchToFork() }
        for disk in disks { disk.lock.unlock() }
        for disk in disks { disk.finishFork() }
    }

    private func switchToFork() {
        guard let fork = work?.preparedFork else { return }
        (images[0].disk as? any DiskImage)?.freeze()
        images.insert(fork.image, at: 0)
        top = fork.image.disk
        work?.preparedFork = nil
    }

    private func finishFork() {
        let (frozen, work) = lock.withLock { (images[1], self.work) }
        // What fails here is made good when the image is opened the next time.
        try? (frozen.disk as? any DiskImage)?.tidyFrozen()
        frozen.file.share()
        if let work { end(work) }
    }
}

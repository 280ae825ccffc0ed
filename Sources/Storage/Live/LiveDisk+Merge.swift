import Basics

/// Merges images while the guest reads and writes.
///
/// A frozen image is read, and its parent written, through objects of their own: the guest's thread keeps the old ones, which stay right,
/// because only places change below that the image above covers. Only then the chain is changed under the lock.
extension LiveDisk {
    /// Writes what the image at `path` holds down into its parent and takes it out of the chain. On failure, and when `progress` answers
    /// false, everything is as before and can be done again.
    ///
    /// `children` are the images on `path` that are not in this chain: from then on they name its parent. `recording` runs when all
    /// content is in the parent on stable storage and nothing needs the image any more; it makes last that the machine's disk, or a
    /// checkpoint, that was `path` is the parent now, and it or the caller removes the file afterwards. For the image that the guest
    /// writes it runs before the guest's next write, and must not use the disk. `preparing` runs before the guest is made to wait for
    /// that, and may take its time.
    public func merge(
        _ path: String, children: [ImagePlace] = [], recording: () throws -> Void = {}, preparing: () throws -> Void = {},
        progress: @escaping DiskOperations.Progress = { _ in true }
    ) throws {
        func opened(_ place: ImagePlace) throws -> any LiveImageFile {
            LiveHostFile(
                descriptor: try place.open(readOnly: false).releaseDescriptor(), path: place.path, place: place, isWritable: true)
        }
        try merge(path, children: { try children.map(opened) }, recording: recording, preparing: preparing, progress: progress)
    }

    package func merge(
        _ path: String, children: () throws -> [any LiveImageFile], recording: () throws -> Void, preparing: () throws -> Void = {},
        progress: @escaping DiskOperations.Progress
    ) throws {
        let work = try begin("merged")
        defer { end(work) }
        let chain = lock.withLock { images }
        guard let position = chain.firstIndex(where: { $0.file.path == path }), position + 1 < chain.count else {
            throw DiskOperationError(.notInChain, "“\(path)” is not an image of this disk that has a parent.", file: path)
        }
        let copy = self.copy(for: work, progress)
        if position == 0 { return try mergeTop(chain, work, copy, preparing, recording) }
        let others = try children()
        defer { for file in others { file.close() } }
        try mergeFrozen(chain, at: position, others, copy, recording)
    }

    /// Ends a merge into the image at `parent` that was cut off after one of this chain's images was given that parent, which comes when
    /// all content is there. `above` are the images that stood on the merged one, `children` those of them that are not in this chain.
    /// false: no image of `above` stands on `parent` here.
    public func endMerge(
        into parent: String, above: [String], children: [ImagePlace], recording: () throws -> Void
    ) throws -> Bool {
        let work = try begin("merged")
        defer { end(work) }
        let chain = lock.withLock { images }
        guard let position = chain.firstIndex(where: { $0.file.path == parent }), position > 0,
            above.contains(chain[position - 1].file.path), let lower = chain[position].disk as? any DiskImage
        else { return false }
        for place in children {
            let image = try DiskOperations.detachedImage(try place.open(readOnly: false), chain[position].format)
            defer { try? image.close() }
            guard !image.isMade(on: lower.linkIdentifier) else { continue }
            try image.setParent(lower.linkIdentifier, ParentPaths(parent: parent, child: place.path))
            try image.flush()
        }
        try recording()
        return true
    }

    func copy(for work: LiveWork, _ progress: @escaping DiskOperations.Progress) -> DiskCopy {
        DiskCopy { fraction in !self.lock.withLock { work.isCancelled } && progress(min(1, fraction)) }
    }

    private func mergeFrozen(
        _ chain: [LiveImage], at position: Int, _ others: [any LiveImageFile], _ copy: DiskCopy, _ recording: () throws -> Void
    ) throws {
        let (child, image, parent) = (chain[position - 1], chain[position], chain[position + 1])
        var opened: [(file: any LiveImageFile, image: any DiskImage)] = []
        defer {
            for (file, image) in opened {
                try? image.close()
                file.share()
            }
        }
        func opening(_ file: any LiveImageFile) throws -> any DiskImage {
            do {
                let found = try DiskOperations.detachedImage(try file.forWriting(), image.format)
                opened.append((file, found))
                return found
            } catch {
                file.share()
                throw error
            }
        }
        let (upper, lower) = (try opening(image.file), try opening(parent.file))
        // The guest's own image is relinked by what it is open with.
        let relinked = try (position > 1 ? [child.file] : []).map { ($0, try opening($0)) } + others.map { ($0, try opening($0)) }
        for (file, found) in relinked where !found.isMade(on: upper.linkIdentifier) && !found.isMade(on: lower.linkIdentifier) {
            throw DiskOpenError(
                .parentMismatch, "“\(file.path)” was not made on “\(image.file.path)”, or that was changed since.", file: file.path)
        }

        let step = MergeStep(upper: upper, lower: lower, paths: [image.file.path, parent.file.path])
        try step.begin(size: upper.size)
        try copy.copyOwnContent(of: upper, to: lower, file: image.file.path)
        try step.finish(size: upper.size)
        let identifier = lower.linkIdentifier
        for (file, found) in relinked {
            try found.setParent(identifier, ParentPaths(parent: parent.file.path, child: file.path))
            try found.flush()
        }
        try lower.close()

        // What the guest has open below may not know of an identifier that a stopped merge gave; it is the right image all the same.
        let below = position + 2 < chain.count ? chain[position + 2].disk : nil
        let fresh = LiveImage(
            file: parent.file, format: parent.format,
            disk: try VirtualDisk.open(try parent.file.forReading(), parent.format, parent: below, readOnly: true, accepting: true))
        do {
            try lock.withLock {
                if position == 1 {
                    try (child.disk as? any DiskImage)?.setParent(
                        identifier, ParentPaths(parent: parent.file.path, child: child.file.path))
                }
                (child.disk as? any DiskImage)?.parent = fresh.disk
                images.replaceSubrange(position...position + 1, with: [fresh])
            }
        } catch {
            fresh.detach()
            try? fresh.disk.close()
            throw error
        }
        retire(image)
        parent.detach()
        try? parent.disk.close()
        defer { image.file.close() }
        try recording()
    }

    /// Closes what the guest used of an image that is not in the chain any more. Its lock stays until nobody can begin to use it by mistake.
    func retire(_ image: LiveImage) {
        image.detach()
        try? image.disk.close()
    }

    private func mergeTop(
        _ chain: [LiveImage], _ work: LiveWork, _ copy: DiskCopy, _ preparing: () throws -> Void, _ recording: () throws -> Void
    ) throws {
        let (image, parent) = (chain[0], chain[1])
        guard let upper = image.disk as? any DiskImage else { return }
        let below = chain.count > 2 ? chain[2].disk : nil
        let target: LiveImage
        do {
            target = LiveImage(
                file: parent.file, format: parent.format,
                disk: try VirtualDisk.open(try parent.file.forWriting(), parent.format, parent: below, readOnly: false, accepting: true))
        } catch {
            parent.file.share()
            throw error
        }
        do {
            guard let lower = target.disk as? any DiskImage else { return }
            let step = MergeStep(upper: upper, lower: lower, paths: [image.file.path, parent.file.path])
            try lock.withLock { try step.begin(size: upper.size) }
            try copyTop(to: lower, work, copy)
            try preparing()
            // What the guest wrote meanwhile.
            try copyTop(to: lower, work, copy)
            try lock.withLock {
                try copyRest(to: lower, copy)
                try step.finish(size: upper.size)
                try recording()
                images.replaceSubrange(0...1, with: [target])
                top = target.disk
                dirty = nil
            }
        } catch {
            retire(target)
            parent.file.share()
            throw error
        }
        retire(image)
        retire(parent)
        image.file.close()
    }
}

/// Copies the uppermost image while it is written.
extension LiveDisk {
    /// What is left to copy may be so much when the guest is made to wait for it.
    private static let shortRest: UInt64 = 2 << 20
    /// A guest that writes faster than it is copied waits after so many rounds.
    private static let mostRounds = 24

    /// Copies round after round what was written during the one before, until little is left, which `dirty` then says.
    func copyTop(to target: any Disk, _ work: LiveWork, _ copy: DiskCopy) throws {
        for round in 0..<Self.mostRounds {
            // What is flushed now is read through an object of its own. What the guest changes meanwhile, and whatever is read in its
            // place, is marked and copied again.
            let (source, changes) = try lock.withLock {
                try top.flush()
                let image = images[0]
                let file = try image.file.forReading()
                let source: any MappedDisk =
                    image.format == .raw ? try FlatDisk.raw(file, readOnly: true) : try DiskOperations.detachedImage(file, image.format)
                let changes = dirty
                dirty = DirtyMap(size: size)
                return (source, changes)
            }
            defer { try? source.close() }
            let file = images[0].file.path
            if let changes {
                try DiskCopy { _ in copy.progress(1) }.copy(changes, of: source, to: target, file: file)
            } else if (source as? any DiskImage)?.kind == .differencing {
                try copy.copyOwnContent(of: source, to: target, file: file)
            } else {
                try copy.copyContent(of: source, to: target, file: file)
            }
            try target.flush()
            let rest = lock.withLock { dirty?.byteCount ?? 0 }
            if rest <= Self.shortRest || round == Self.mostRounds - 1 { return }
        }
    }

    /// Copies the last of it. The caller holds the lock, so nobody writes; it is not stopped any more.
    func copyRest(to target: any Disk, _ copy: DiskCopy) throws {
        guard let changes = dirty else { return }
        try DiskCopy { _ in true }.copy(changes, of: top, to: target, file: images[0].file.path)
        try target.flush()
    }
}

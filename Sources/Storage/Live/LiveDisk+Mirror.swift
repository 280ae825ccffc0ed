import Basics

/// Moves the disk to another place while the guest goes on.
extension LiveDisk {
    /// Makes a copy of the uppermost image at `place` and lets the guest go on there. The frozen images do not change, so the caller copies
    /// them before (`DiskOperations.copyImage`) and names the copies as `parents`, the nearest first.
    ///
    /// On failure, and when `progress` answers false, the guest stays where it is and nothing is left at `place`. `recording` runs when
    /// the copy is whole, on stable storage and named, before the guest's next write: it makes last that the machine's disk is the copy
    /// now, and must not use the disk. `willSwitch` runs shortly before, while the guest still goes on, for what may take time. The caller
    /// removes the old files afterwards.
    public func mirror(
        to place: ImagePlace, parents: [ImagePlace] = [], willSwitch: () throws -> Void = {}, recording: () throws -> Void = {},
        progress: @escaping DiskOperations.Progress = { _ in true }
    ) throws {
        let work = try begin("moved")
        defer { end(work) }
        let chain = lock.withLock { images }
        guard !isReadOnly else {
            throw DiskOperationError(
                .notSupported, "“\(chain[0].file.path)” is attached read-only; its file can be copied as it is.", file: chain[0].file.path)
        }
        let below = try newParents(parents, for: chain)
        do {
            let new = try NewImageFile(place)
            let specification = lock.withLock { self.specification(of: chain[0], at: place) }
            let link = (below.first?.disk as? any DiskImage).map {
                ($0.linkIdentifier, ParentPaths(parent: below[0].file.path, child: place.path))
            }
            try DiskOperations.write(specification, chain[0].format, size, link, to: new.file)
            let disk = try VirtualDisk.open(try new.file.duplicate(), chain[0].format, parent: below.first?.disk, readOnly: false)
            do {
                let copy = self.copy(for: work, progress)
                try copyTop(to: disk, work, copy)
                try willSwitch()
                try lock.withLock {
                    try copyRest(to: disk, copy)
                    try disk.flush()
                    let file = LiveHostFile(descriptor: try new.finishOpen(), path: place.path, place: place, isWritable: true)
                    do { try recording() } catch {
                        try? place.unlink()
                        throw error
                    }
                    images = [LiveImage(file: file, format: chain[0].format, disk: disk)] + below
                    top = disk
                    dirty = nil
                }
            } catch {
                (disk as? any DiskImage)?.parent = nil
                try? disk.close()
                throw error
            }
        } catch {
            close(below)
            throw error
        }
        close(chain)
    }

    /// The copies of the frozen images, open for reading.
    private func newParents(_ places: [ImagePlace], for chain: [LiveImage]) throws -> [LiveImage] {
        guard places.count == chain.count - 1 else {
            throw DiskOperationError(
                .notInChain, "“\(chain[0].file.path)” has \(chain.count - 1) parents; \(places.count) copies were named.",
                file: chain[0].file.path)
        }
        guard !places.isEmpty else { return [] }
        let files = try places.map { place -> (file: any LiveImageFile, format: DiskFormat) in
            let descriptor = try place.open(readOnly: true).releaseDescriptor()
            return (LiveHostFile(descriptor: descriptor, path: place.path, place: place, isWritable: false), chain[0].format)
        }
        let images = try Self.open(files)
        guard let nearest = images[0].disk as? any DiskImage, let own = chain[0].disk as? any DiskImage,
            own.isMade(on: nearest.linkIdentifier)
        else {
            close(images)
            throw DiskOpenError(
                .parentMismatch, "“\(places[0].path)” is no copy of “\(chain[1].file.path)”, the parent of “\(chain[0].file.path)”.",
                file: places[0].path, action: "Copy it again.")
        }
        return images
    }

    private func close(_ images: [LiveImage]) {
        try? images.first?.disk.close()
        for image in images { image.file.close() }
    }

    private func specification(of image: LiveImage, at place: ImagePlace) -> DiskSpecification {
        let disk = image.disk as? any DiskImage
        var specification = DiskSpecification(path: place.path, kind: disk?.kind ?? .dynamic, size: size)
        specification.blockSize = disk?.bytesPerBlock
        (specification.logicalSectorSize, specification.physicalSectorSize) = (logicalSectorSize, physicalSectorSize)
        specification.identifier = disk?.diskIdentifier
        return specification
    }
}

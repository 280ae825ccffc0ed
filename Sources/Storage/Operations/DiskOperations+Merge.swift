import Basics
import Glibc

extension DiskOperations {
    /// Writes what a differencing disk and the parents between hold into `destination`, one of its parents (nil: the nearest), and
    /// removes them.
    ///
    /// They are removed when all of it is on stable storage; until then the chain reads the same at every moment, because each image
    /// still covers what was written below it. Stopped or cut, the merge can simply be done again.
    public func merge(_ path: String, into destination: String? = nil) throws {
        let format = try format(of: path)
        var trusted = self
        if let destination { trusted.allowedParents.append(destination) }
        let chain = try DiskChain.resolve(path: path, format: format, allowedParents: trusted.allowedParents, readOnly: true)
        let target: Int
        do {
            target = try Self.position(of: destination, in: chain, path)
        } catch {
            chain.close()
            throw error
        }
        let images = try Self.open(chain, format, target: target)
        defer { try? images[0].close() }
        try mergeContent(of: Array(images[...target]), at: chain.entries[...target].map(\.path))
        // The uppermost first: what is left of a chain stays usable. Their locks still hold, so that nobody begins to use them meanwhile.
        for entry in chain.entries[..<target] {
            unlink(entry.path)
            ImageFolder.synchronise(of: entry.path)
        }
        try images[0].close()
    }

    static func position(of destination: String?, in chain: DiskChain, _ path: String) throws -> Int {
        guard chain.entries.count > 1 else {
            throw DiskOperationError(.notSupported, "“\(path)” is not a differencing disk; there is nothing to merge.", file: path)
        }
        guard let destination else { return 1 }
        var (wanted, found) = (stat(), stat())
        guard stat(destination, &wanted) == 0 else { throw DiskOpenError.system(errno, destination) }
        let position = chain.entries.dropFirst().firstIndex {
            fstat($0.descriptor, &found) == 0 && found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev
        }
        guard let position else {
            let parents = chain.entries.dropFirst().map { "“\($0.path)”" }.joined(separator: ", ")
            throw DiskOperationError(
                .notInChain, "“\(destination)” is not a parent of “\(path)”; its parents are \(parents).", file: destination)
        }
        return position
    }

    /// Opens the images, child first: those above the target and the target itself for writing, its parents for reading.
    static func open(_ chain: DiskChain, _ format: DiskFormat, target: Int) throws -> [any DiskImage] {
        var files: [HostDiskFile] = []
        for (position, entry) in chain.entries.enumerated() {
            if position > target {
                files.append(HostDiskFile(descriptor: entry.descriptor, name: entry.path, isReadOnly: true))
                continue
            }
            do {
                files.append(try HostDiskFile.reopened(forWriting: entry))
            } catch {
                for rest in chain.entries[(position + 1)...] { Glibc.close(rest.descriptor) }
                throw error
            }
        }
        var images: [any DiskImage] = []
        for file in files.reversed() {
            do throws(DiskFormatError) {
                images.insert(
                    format == .vhd
                        ? try VHDImage(file: file, parent: images.first, readOnly: file.isReadOnly)
                        : try VHDXImage(file: file, parent: images.first, readOnly: file.isReadOnly), at: 0)
            } catch {
                throw DiskOpenError(error)
            }
        }
        return images
    }

    /// Writes what open images, the child first and each on the next, hold into the last one. `files` are their paths.
    package func mergeContent(of disks: [any MappedDisk], at files: [String]) throws {
        let images = disks.compactMap { $0 as? any DiskImage }
        guard let path = files.first, let child = images.first, images.count > 1, images.count == files.count else { return }
        let position = images.count - 1
        let step = MergeStep(upper: images[position - 1], lower: images[position], paths: files[position - 1...position])
        try step.begin(size: child.size)
        for (count, image) in images[..<position].reversed().enumerated() {
            let share = 1 / Double(position)
            try DiskCopy { progress((Double(count) + $0) * share) }.copyOwnContent(of: image, to: step.lower, file: path)
        }
        try step.finish(size: child.size)
    }
}

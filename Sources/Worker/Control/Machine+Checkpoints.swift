import Basics
import Persistence
import Storage
import WorkerProtocol

/// Checkpoints and merges of a running machine's disks.
extension Machine: CheckpointControlling {
    package func checkpoint(
        _ forks: [DiskFork], memory: CheckpointMemory?, isPrepared: () throws -> Void, hasForked: () -> Void
    ) throws -> CheckpointMade {
        let places = Set(forks.map { DrivePlace(controller: $0.controller, location: $0.location) })
        return try stack.disks.here(
            where: { place, _ in places.contains(place) },
            do: { try checkpointHere(forks, memory: memory, isPrepared: isPrepared, hasForked: hasForked) })
    }

    private func checkpointHere(
        _ forks: [DiskFork], memory: CheckpointMemory?, isPrepared: () throws -> Void, hasForked: () -> Void
    ) throws -> CheckpointMade {
        let disks = try forks.map { fork -> (disk: LiveDisk, place: ImagePlace) in
            let place = DrivePlace(controller: fork.controller, location: fork.location)
            guard let disk = stack.disks.disk(at: place), disk.chain.first?.path == fork.image.parent,
                let image = stack.disks.place(of: fork.image.path)
            else {
                throw WorkerError(
                    "InvalidState", .invalidOperation,
                    "The disk “\(fork.image.parent)” of “\(configuration.name)” is not (any more) where its configuration says.",
                    action: "Repeat the command.", target: configuration.name)
            }
            return (disk, image)
        }
        var prepared: [LiveDisk] = []
        do {
            for (disk, place) in disks {
                try disk.prepareFork(to: place)
                prepared.append(disk)
            }
            try isPrepared()
            func commit() throws {
                try LiveDisk.commitForks(prepared)
                prepared = []
                hasForked()
            }
            guard let memory else {
                // All disks change at one instant without the processors standing.
                try commit()
                return CheckpointMade(pauseNanoseconds: 0, bytesWritten: 0)
            }
            let base = memory.buildsOnLast ? imageIdentity.map { MemoryImageReference(name: "the checkpoint before", identity: $0) } : nil
            let figures = try checkpoint(to: memory.descriptor, parent: base, beforeGoingOn: commit)
            return CheckpointMade(
                pauseNanoseconds: figures.pauseNanoseconds, bytesWritten: figures.bytes, isWhole: figures.parents.isEmpty)
        } catch {
            // The caller removes the files, when the document does not name them any more.
            for disk in prepared { disk.abandonFork(removing: false) }
            throw error
        }
    }

    package func merge(
        _ child: String, into parent: String, children: [String], progress: @escaping @Sendable (Double) -> Bool,
        preparing: () throws -> Void, commit: () throws -> Void
    ) throws -> Bool {
        try stack.disks.here(
            where: { _, images in images.contains(child) || images.contains(parent) },
            do: { try mergeHere(child, into: parent, children: children, progress: progress, preparing: preparing, commit: commit) })
    }

    private func mergeHere(
        _ child: String, into parent: String, children: [String], progress: @escaping @Sendable (Double) -> Bool,
        preparing: () throws -> Void, commit: () throws -> Void
    ) throws -> Bool {
        func places(except chain: [String]) throws -> [ImagePlace] {
            try children.filter { !chain.contains($0) }.map { path in
                if let place = stack.disks.place(of: path) { return place }
                throw WorkerError(
                    "DiskNotFound", .objectNotFound, "“\(path)”, which stands on “\(child)”, does not lie where this machine's disks do.",
                    action: "Stop the VM; the disks are merged then.", target: configuration.name)
            }
        }
        guard let disk = stack.disks.disk(with: child) else {
            // Cut off when the image above had its new parent already.
            guard let disk = stack.disks.disk(with: parent) else { return false }
            return try disk.endMerge(
                into: parent, above: children, children: try places(except: disk.chain.map(\.path)), recording: commit)
        }
        let chain = disk.chain.map(\.path)
        guard let position = chain.firstIndex(of: child), position + 1 < chain.count, chain[position + 1] == parent else { return false }
        try disk.merge(child, children: try places(except: chain), recording: commit, preparing: preparing, progress: progress)
        return true
    }

    package func removeImage(at path: String) {
        // In a folder of none of the disks that it has now, it is found by its path; a folder that is gone keeps nothing.
        try? (stack.disks.place(of: path) ?? ImagePlace(path: path)).unlinkWithAttempts()
    }
}

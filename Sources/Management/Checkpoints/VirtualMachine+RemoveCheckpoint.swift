import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

extension VirtualMachine {
    /// Removes checkpoints; what hangs on one hangs on its parent then, and images that only served them are merged or deleted. Of a running
    /// VM the worker merges while the guest goes on, and this returns at once; otherwise this returns when it is done.
    ///
    /// Stopped, or ended, in the middle of a merge: nothing is lost, and the next start or removal goes on with it. Errors:
    /// `CheckpointInUse` when another VM's disks stand on one, `LockBusy` or `WorkerNotResponding` when the VM is at something else for long.
    public func removeCheckpoints(
        _ ids: Set<GUID>, isCancelled: @escaping @Sendable () -> Bool = { false }, progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws {
        try forgetCheckpoints(ids, isCancelled: isCancelled)
        // Without the store's lock: this may take long.
        guard try !files().folder.hasWorker() else { return }
        try writing("merged") { folder in try tidy(folder, isCancelled: isCancelled, progress: progress) }
    }

    /// Seconds for which the store's lock is held at most while others are waited for; who waits for that lock waits longer.
    private static let patienceOfStore = 8.0

    /// Takes checkpoints out of the tree. What is to be merged then, the worker of a running VM begins to merge; else it is left.
    func forgetCheckpoints(_ ids: Set<GUID>, isCancelled: () -> Bool = { false }) throws {
        let store = try files().store
        try store.locked {
            let end = WorkerClient.deadline(Self.patienceOfStore)
            let folder = try files().folder
            let lock = try folder.lockConfiguration(seconds: Self.patienceOfStore, isCancelled: isCancelled)
            defer { withExtendedLifetime(lock) {} }
            let configuration = try configuration()
            let shared = try checkRemovable(ids, of: configuration)
            if try folder.hasWorker() {
                let request = RemoveCheckpointsRequest(ids: ids.sorted(), shared: shared.keys.sorted())
                if try askIfRunning(request, seconds: Self.left(until: end), isCancelled: isCancelled) != nil { return }
            }
            try writing("rid of a checkpoint") { folder in
                var new = try folder.readConfiguration()
                let names = ids.sorted().compactMap { new.checkpoint($0)?.name }
                new.past?.shared = shared.isEmpty ? nil : shared.keys.sorted()
                new.removeCheckpoints(ids)
                try checkMerges(of: new)
                try folder.write(new)
                let initiator = CurrentUser.initiator
                for name in names {
                    _ = try? EventLog(folder: folder.folder).append(
                        VirtualMachineEvent(
                            .checkpointRemoved, message: "Checkpoint “\(name)” removed by \(initiator.user).", initiator: initiator))
                }
            }
        }
    }

    /// Throws when one of the checkpoints is not there or is in use; gives what other VMs stand on.
    @discardableResult
    func checkRemovable(_ ids: Set<GUID>, of configuration: VirtualMachineConfiguration) throws -> [String: String] {
        for id in ids where configuration.checkpoint(id) == nil { throw ManagementError.checkpointGone(name) }
        let memory = try configuration.memoryPaths.map { try absolutePath(ofMemory: $0) }
        let shared = try host.filesSharedWithOthers(configuration, memory: memory)
        try checkUnused(ids, of: configuration, shared)
        return shared
    }

    private func checkUnused(_ ids: Set<GUID>, of configuration: VirtualMachineConfiguration, _ shared: [String: String]) throws {
        for checkpoint in configuration.checkpoints where ids.contains(checkpoint.id) {
            let memory = try (checkpoint.memory?.paths ?? []).map { try absolutePath(ofMemory: $0) }
            for path in checkpoint.configuration.drives.compactMap(\.drive.path) + memory {
                guard let other = shared[path] else { continue }
                throw ManagementError(
                    "CheckpointInUse", .resourceBusy,
                    "“\(other)”, a clone, stands on the checkpoint “\(checkpoint.name)” of “\(configuration.name)” (“\(path)”).",
                    action: "Remove “\(other)” first; where it only has yet to go on from the memory, start it or remove its saved state.",
                    target: checkpoint.name)
            }
        }
    }

    /// Throws when images that are to be merged cannot be: then nothing is forgotten yet.
    func checkMerges(of configuration: VirtualMachineConfiguration) throws {
        for case .merge(let child, _, _) in ImageTree.plan(for: configuration) where child.path != configuration.past?.merging {
            do {
                _ = try host.withDisks(allowedParents: configuration.allowedParents) { try $0.chain(of: child.path) }
            } catch let error as any DescribedError {
                throw ManagementError(
                    error.identifier, error.category,
                    "The disks of “\(configuration.name)” cannot be merged, so its checkpoints stay: \(error.message)",
                    action:
                        "Put the file back. Where it is lost, take the disk from the VM with Remove-VMHardDiskDrive and repeat the command.",
                    target: child.path)
            }
        }
    }

    /// True when a merge or a removal of images was cut off and is still to be done.
    public func hasMergesLeft() throws -> Bool { ImageTree(try configuration()).nextStep != nil }

    /// Does what is left to do so that only those images and memory files lie there that a checkpoint or the present needs. Call under the
    /// folder's lock, while no worker lives.
    func tidy(
        _ folder: VirtualMachineFolder, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws {
        var configuration = try folder.readConfiguration()
        folder.removeUnusedMemory(configuration)
        let steps = ImageTree.plan(for: configuration).count
        var done = 0
        while let step = ImageTree(configuration).nextStep {
            let (finished, all) = (Double(done), Double(max(steps, done + 1)))
            if case .merge(let child, _, _) = step, configuration.past?.merging != child.path {
                configuration.past?.merging = child.path
                try folder.write(configuration)
            }
            try host.withDisks(
                allowedParents: configuration.allowedParents,
                progress: {
                    progress((finished + $0) / all)
                    return !isCancelled()
                },
                { disks in
                    var after = configuration
                    after.complete(step)
                    switch step {
                    case .merge(let child, let parent, let grandchildren):
                        try disks.mergeStep(child.path, into: parent, children: grandchildren) { _ in try folder.write(after) }
                    case .remove(let image):
                        // A folder that is gone keeps nothing.
                        try? ImagePlace(path: image.path).unlinkWithAttempts()
                        // A document that still names it after a power cut only has it removed once more.
                        try folder.write(after, .whole)
                    }
                    configuration = after
                })
            done += 1
        }
        progress(1)
    }
}

extension VirtualMachineHost {
    /// The images of a VM that disks of other VMs stand on, and those of its memory files that others have yet to go on from, with those
    /// VMs' names.
    func filesSharedWithOthers(_ configuration: VirtualMachineConfiguration, memory: [String]) throws -> [String: String] {
        let own = Set(
            (configuration.past?.images.map(\.path) ?? []) + (configuration.past?.images.map(\.parent) ?? [])
                + configuration.drives.compactMap(\.drive.path) + memory)
        var shared: [String: String] = [:]
        for machine in try machines() where machine.id != configuration.id {
            guard let other = try? machine.configuration() else {
                // What it stands on cannot be known now: what was written down for clones stays.
                for path in configuration.past?.shared ?? [] where own.contains(path) { shared[path] = shared[path] ?? machine.name }
                continue
            }
            let drives = other.drives + other.checkpoints.flatMap(\.configuration.drives)
            let used =
                (other.past?.images.map(\.parent) ?? []) + drives.compactMap(\.drive.path) + Array(other.memoryPaths)
            for path in used where own.contains(path) { shared[path] = other.name }
        }
        return shared
    }
}

import Basics
import Glibc
import Persistence
import WorkerProtocol

/// Checkpoints of the running VM. The order on disk:
///
/// ```
/// announce the new images → make them, empty → let the drives name them → instant: the disks go on in them
///   → write the rest of the memory → put the checkpoint into the tree
/// ```
/// Cut off at any point, the configuration names images that read as the guest left them; what was only announced is found and removed, and
/// a layer without a checkpoint is merged.
extension WorkerInstance {
    /// Images of memory that one may build on another; a longer chain begins anew.
    private static let longestMemoryChain = 16

    /// On the actions thread; the asker holds the lock of the configuration.
    func makeCheckpoint(
        _ request: CheckpointRequest, memory file: OpenFile, by initiator: VirtualMachineEvent.Initiator
    ) throws -> CheckpointMade {
        let machine = try checkpointedMachine()
        try refuseWhileMerging("checkpointed")
        let old = try folder.readConfiguration()
        guard state == .running || state == .paused else {
            throw WorkerError(
                "InvalidState", .invalidOperation, "“\(old.name)” cannot be checkpointed while its state is \(state.rawValue).",
                target: old.name)
        }
        let forks = try old.forks(of: old, id: request.id)
        var following = old
        following.announce(forks)
        try write(following)
        following.follow(forks)
        var checkpoint = VirtualMachineConfiguration.Checkpoint(
            id: request.id, name: request.checkpointName, parentId: old.past?.current, creationTime: HostTime.wall(), kind: .standard,
            configuration: old.withoutPast)
        var hasForked = false
        do {
            let attempt = { (memory: CheckpointMemory?) throws -> CheckpointMade in
                try machine.checkpoint(
                    forks, memory: memory, isPrepared: { try self.write(following) }, hasForked: { hasForked = true })
            }
            let made: CheckpointMade
            var wanted = old
            wanted.checkpointType = request.kind ?? old.checkpointType
            if wanted.checkpointType.hasPrefix("Production"), state == .running, let frozen = try freezeGuest(for: wanted) {
                defer { frozen.thaw() }
                checkpoint.kind = .production
                made = try attempt(nil)
            } else if wanted.checkpointType == "CrashConsistent" {
                made = try attempt(nil)
            } else {
                let base = memoryBase(old)
                made = try attempt(CheckpointMemory(descriptor: file.descriptor, buildsOnLast: base != nil))
                let parents = made.isWhole ? [] : base?.paths ?? []
                checkpoint.memory = VirtualMachineConfiguration.MemoryImage(path: request.memoryPath, parents: parents)
            }
            guard checkpoint.memory == nil || file.hasName else {
                throw WorkerError("OperationStopped", .operationStopped, "The file of the checkpoint's memory was removed meanwhile.")
            }
            following.add(checkpoint)
            try write(following)
            phase.withLock { if let memory = checkpoint.memory { $0.memoryBase = memory } }
            let pause = "the guest stood still for \(made.pauseNanoseconds / 1_000_000) ms"
            log.note(
                VirtualMachineEvent(
                    .checkpointMade, message: "Checkpoint “\(checkpoint.name)” made by \(initiator.user); \(pause).", initiator: initiator))
            return made
        } catch {
            phase.withLock { $0.memoryBase = nil }
            if hasForked {
                // The new images stay under the disks; they are one layer too many, and become none.
                startMerging()
            } else {
                // What was written of the memory may be what fills the disk.
                try? file.truncate(to: 0)
                do {
                    try write(old)
                    for fork in forks { machine.removeImage(at: fork.image.path) }
                } catch let second {
                    // The empty images stay: on their parents they read as the guest's disks do.
                    log.note(
                        VirtualMachineEvent(
                            .notice, level: .warning,
                            message:
                                "The configuration could not be set back after a failed checkpoint: \(TransportedError(second).message)"))
                }
            }
            throw error
        }
    }

    /// The image that the next one may build on.
    func memoryBase(_ configuration: VirtualMachineConfiguration) -> VirtualMachineConfiguration.MemoryImage? {
        guard let base = phase.withLock({ $0.memoryBase }), base.paths.count < Self.longestMemoryChain,
            configuration.checkpoints.contains(where: { $0.memory == base })
        else { return nil }
        return base
    }

    func removeCheckpoints(_ request: RemoveCheckpointsRequest, by initiator: VirtualMachineEvent.Initiator) throws {
        try refuseWhileMoving("deprived of a checkpoint")
        try document.withLock {
            var new = try folder.readConfiguration()
            let names = request.ids.compactMap { new.checkpoint($0)?.name }
            new.past?.shared = request.shared.isEmpty ? nil : request.shared
            new.removeCheckpoints(Set(request.ids))
            try folder.write(new)
            folder.removeUnusedMemory(new)
            for name in names {
                log.note(
                    VirtualMachineEvent(
                        .checkpointRemoved, message: "Checkpoint “\(name)” removed by \(initiator.user).", initiator: initiator))
            }
        }
        startMerging()
    }

    func write(_ configuration: VirtualMachineConfiguration) throws { try document.withLock { try folder.write(configuration) } }

    func checkpointedMachine() throws -> any CheckpointControlling {
        let machine = phase.withLock { $0.hasEnded ? nil : $0.machine as? any CheckpointControlling }
        guard let machine else { throw hasNoGuest() }
        return machine
    }

    // MARK: The guest's file systems

    /// The guest holds its file systems still until `thaw`. nil: it cannot, and the checkpoint is to be a standard one then.
    private func freezeGuest(for configuration: VirtualMachineConfiguration) throws -> FrozenGuest? {
        do {
            guard let guest else { throw hasNoGuest() }
            try guest.freeze(FreezeRequest(isFrozen: true, limitSeconds: 60))
            return FrozenGuest(guest: guest)
        } catch {
            let reason = TransportedError(error)
            guard configuration.checkpointType == "Production" else {
                throw WorkerError(
                    "ProductionCheckpointFailed", .operationTimeout,
                    "The guest of “\(configuration.name)” did not make its file systems consistent: \(reason.message)",
                    action:
                        "Let hv_vss_daemon run in the guest, or allow standard checkpoints: Set-VM \(configuration.name) -CheckpointType Production",
                    target: configuration.name)
            }
            log.note(
                VirtualMachineEvent(
                    .notice, level: .warning, message: "A standard checkpoint is made in place of a production one: \(reason.message)"))
            return nil
        }
    }

    private struct FrozenGuest {
        let guest: any GuestControlling
        /// Should the guest not hear it, it thaws by itself when its time is up.
        func thaw() { try? guest.freeze(FreezeRequest(isFrozen: false)) }
    }
}

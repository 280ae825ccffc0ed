import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

extension VirtualMachine {
    /// Makes the VM what it was at a checkpoint: configuration, disks and, where it has some, memory. Afterwards the VM is Saved where the
    /// checkpoint has memory, else Off; what it was before, a running guest included, is lost, but its name stays. On an error that the
    /// disks or the host's file system make, the VM is turned off and otherwise as before.
    public func applyCheckpoint(_ id: GUID, isCancelled: () -> Bool = { false }) throws {
        let before = try configuration()
        guard let wanted = before.checkpoint(id) else { throw ManagementError.checkpointGone(name) }
        // A checkpoint that cannot be applied must not cost the running guest.
        try checkRestorable(wanted, files().folder)
        try checkRoom(for: try before.forks(of: wanted.configuration, id: GUID()))
        try endRun(isCancelled: isCancelled)
        try writing("restored") { folder in
            let old = try folder.readConfiguration()
            guard let checkpoint = old.checkpoint(id) else { throw ManagementError.checkpointGone(name) }
            try checkRestorable(checkpoint, folder)
            let forks = try old.forks(of: checkpoint.configuration, id: GUID())
            try fork(forks, from: old, in: folder) { new in
                let past = new.past
                new = checkpoint.configuration
                (new.id, new.name, new.past, new.moving) = (old.id, old.name, past, old.moving)
                new.noteSnapshotLocations(of: old)
                new.follow(forks)
                new.past?.current = id
                new.savedMemory = checkpoint.memory
                new.generationId = nil
                // Before the configuration: what was saved must never meet these disks.
                if folder.hasSavedState {
                    try folder.folder.remove(VirtualMachineFolder.savedStateName)
                    folder.folder.synchronize()
                }
            }
            let initiator = CurrentUser.initiator
            _ = try? EventLog(folder: folder.folder).append(
                VirtualMachineEvent(
                    .checkpointApplied, message: "Checkpoint “\(checkpoint.name)” applied by \(initiator.user).", initiator: initiator))
            try tidy(folder)
        }
    }

    /// Throws when what the new images would stand on is not whole, or when there is no room for them.
    func checkRoom(for forks: [DiskFork]) throws {
        var bytes = [try files().folder.folder.path: Self.roomOfConfiguration]
        for fork in forks {
            _ = try host.withDisks(allowedParents: fork.allowedParents) { try $0.chain(of: fork.image.parent) }
            bytes[Paths.folder(of: fork.image.path), default: 0] += Self.roomOfFork
        }
        for (place, needed) in bytes.sorted(by: { $0.key < $1.key }) {
            guard let free = Paths.freeBytes(at: place), free < needed else { continue }
            throw ManagementError(
                "NotEnoughSpace", .resourceUnavailable,
                "Under “\(place)” there are \(free >> 20) MiB free, and new images of the disks take some \(needed >> 20) MiB.",
                action: "Make room and repeat the command; “\(name)” is as it was.", target: place)
        }
    }

    /// Bytes that an empty differencing image takes, and a configuration, on the safe side.
    private static let (roomOfFork, roomOfConfiguration): (UInt64, UInt64) = (8 << 20, 1 << 20)

    /// Throws when a checkpoint's memory could not be used, for there is something wrong with its files.
    func checkMemory(of checkpoint: VirtualMachineConfiguration.Checkpoint, _ folder: VirtualMachineFolder) throws {
        guard let memory = checkpoint.memory else { return }
        try folder.checkMemory(memory, of: checkpoint.name) { try host.starter.check(savedState: $0) }
    }

    /// Throws when something that the VM had at the checkpoint is not there any more: a file of its memory, or a medium in a DVD drive,
    /// without which it could not be started.
    func checkRestorable(_ checkpoint: VirtualMachineConfiguration.Checkpoint, _ folder: VirtualMachineFolder) throws {
        try checkMemory(of: checkpoint, folder)
        for placed in checkpoint.configuration.drives where placed.drive.kind == .dvd && placed.drive.path != nil {
            do {
                try host.checkImage(placed.drive, for: name)
            } catch let error as any DescribedError {
                throw ManagementError(
                    "CheckpointMediumMissing", .objectNotFound,
                    "At the checkpoint “\(checkpoint.name)” there was “\(placed.drive.path ?? "")” in the DVD drive at controller \(placed.number), location \(placed.drive.location), which cannot be used now: \(error.message)",
                    action: "Put the file back; the checkpoint is as it was.", target: checkpoint.name)
            }
        }
    }
}

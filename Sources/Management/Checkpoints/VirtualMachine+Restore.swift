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
        _ = try before.forks(of: wanted.configuration, id: GUID())
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
    /// Throws when something that the VM had at the checkpoint is not there any more: a file of its memory, or a medium in a DVD drive,
    /// without which it could not be started.
    func checkRestorable(_ checkpoint: VirtualMachineConfiguration.Checkpoint, _ folder: VirtualMachineFolder) throws {
        if let memory = checkpoint.memory { try folder.checkMemory(memory, of: checkpoint.name) }
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

import Persistence
import WorkerProtocol

/// What the control side asks of a machine's disks and memory where checkpoints are concerned. Called on threads of the control side;
/// implementations serialise what must be.
package protocol CheckpointControlling: AnyObject, Sendable {
    /// Lets the machine's disks go on in new images at one instant, and keeps its memory of that instant where `memory` says so.
    ///
    /// - Parameters:
    ///   - forks: one for each hard disk.
    ///   - memory: where memory and units are written; nil: they are not kept.
    ///   - isPrepared: called when the new images are there and nothing has changed yet; what it throws ends the attempt.
    ///   - hasForked: called when the disks go on in the new images; an error after that leaves them so.
    func checkpoint(
        _ forks: [DiskFork], memory: CheckpointMemory?, isPrepared: () throws -> Void, hasForked: () -> Void
    ) throws -> CheckpointMade

    /// Writes the content of the image at `child`, which lies under one of the machine's disks, into its parent at `parent`, while the guest
    /// goes on, and lets what stands on it stand on the parent.
    /// - Parameters:
    ///   - children: all images on `child`.
    ///   - progress: hears what is done, from 0 to 1; false ends the attempt, which loses nothing.
    ///   - preparing: called before the guest is made to wait for `commit`; may take its time.
    ///   - commit: called when all of it is durable and nothing needs the child any more.
    /// - Returns: false when the two do not lie under a disk of this machine.
    func merge(
        _ child: String, into parent: String, children: [String], progress: @escaping @Sendable (Double) -> Bool,
        preparing: () throws -> Void, commit: () throws -> Void
    ) throws -> Bool

    /// Copies files of the machine to other places while the guest goes on, and lets its disks go on there.
    /// - Parameters:
    ///   - folders: those of the new places.
    ///   - memoryFolder: that of memory files whose paths begin in the VM's folder.
    ///   - progress: hears what is done, from 0 to 1; false ends it, and the machine's disks are where they were.
    ///   - didCopy: hears of each copy that is there and must go if nothing comes of it.
    ///   - willSwitch: called shortly before the copies take their place, while the guest still goes on.
    ///   - commit: called when all copies are whole and durable, with what they leave behind; it may not use the disks.
    func move(
        _ move: StorageMove, _ folders: HandedDevices, memoryFolder: Folder?, progress: @escaping @Sendable (Double) -> Bool,
        didCopy: (StorageMove.File) -> Void, willSwitch: () throws -> Void,
        commit: ([VirtualMachineConfiguration.Moving.Left]) throws -> Void
    ) throws

    /// Deletes what a move left behind.
    func removeSources(of move: StorageMove, memoryFolder: Folder?)

    /// Deletes an image that nothing stands on.
    func removeImage(at path: String)
}

/// Where a checkpoint's memory goes.
package struct CheckpointMemory: Sendable {
    /// An empty file, open for writing.
    package var descriptor: Int32
    /// The checkpoint that the machine made or was restored from last is there still: only what has changed since is written.
    package var buildsOnLast: Bool
    package init(descriptor: Int32, buildsOnLast: Bool) { (self.descriptor, self.buildsOnLast) = (descriptor, buildsOnLast) }
}

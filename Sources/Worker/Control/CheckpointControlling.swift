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

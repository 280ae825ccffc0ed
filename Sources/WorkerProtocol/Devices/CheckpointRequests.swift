import Basics

/// Makes a checkpoint of a running VM, of the kind that its configuration says. The open file for its memory comes with the request; it stays
/// empty where a production checkpoint is made.
package struct CheckpointRequest: WorkerRequest {
    package typealias Reply = CheckpointMade
    package static let name = "checkpoint"
    package var id: GUID
    /// What users call it.
    package var checkpointName: String
    /// The memory file's path as the configuration shall name it.
    package var memoryPath: String
    /// Standard, Production or ProductionOnly, or CrashConsistent: disks alone, of which the guest knows nothing. nil: as the VM's
    /// configuration says.
    package var kind: String?

    package init(id: GUID, name: String, memoryPath: String, kind: String? = nil) {
        (self.id, checkpointName, self.memoryPath, self.kind) = (id, name, memoryPath, kind)
    }
}

/// What making a checkpoint cost.
public struct CheckpointMade: Codable, Equatable, Sendable {
    /// Nanoseconds that the guest stood still; 0 when it did not run.
    public var pauseNanoseconds: UInt64
    /// Bytes of memory and state that were written.
    public var bytesWritten: UInt64
    /// The memory builds on no other image.
    package var isWhole: Bool
    package init(pauseNanoseconds: UInt64 = 0, bytesWritten: UInt64 = 0, isWhole: Bool = true) {
        (self.pauseNanoseconds, self.bytesWritten, self.isWhole) = (pauseNanoseconds, bytesWritten, isWhole)
    }
}

/// Takes checkpoints out of a running VM's tree; the answer comes when the configuration says so. The worker merges their disks afterwards,
/// while the guest runs.
package struct RemoveCheckpointsRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "removeCheckpoints"
    package var ids: [GUID]
    /// Images that other VMs' disks stand on.
    package var shared: [String]
    package init(ids: [GUID], shared: [String]) { (self.ids, self.shared) = (ids, shared) }
}

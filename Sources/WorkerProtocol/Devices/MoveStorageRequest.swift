/// Moves files of a running VM to other folders while the guest goes on; the answer comes when all of it is done. Event frames with this
/// request's id carry `StorageMoveProgress`; a cancel frame ends it, and what is not true by then stays where it was.
///
/// The handover holds the folders that files go to. Errors: `DisksMerging` while images are merged or moved, `InvalidState` when the VM's
/// disks or checkpoints changed since the plan was made, what copying says.
package struct MoveStorageRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "moveStorage"
    /// The moves in their order (Persistence owns their form).
    package var moves: String
    package var handover: DeviceHandover

    package init(moves: String, handover: DeviceHandover) { (self.moves, self.handover) = (moves, handover) }
}

/// How much of a move is done, from 0 to 1.
package struct StorageMoveProgress: Codable, Equatable, Sendable {
    package var done: Double
    package init(done: Double) { self.done = done }
}

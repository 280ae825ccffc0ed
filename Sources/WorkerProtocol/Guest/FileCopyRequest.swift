/// Copies the file whose descriptor comes with the request into the guest, through its Guest Service Interface. Event frames with this
/// request's id carry `FileCopyProgress`; the answer comes when the guest has the whole file. A cancel frame ends it. Errors:
/// `IntegrationServiceDisabled`, `IntegrationServiceMissing`, `GuestNotResponding`, `GuestFileExists`, `GuestPathNotFound`,
/// `GuestDiskFull`, `GuestRefused`.
package struct FileCopyRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "fileCopy"
    /// Absolute path in the guest, file name included.
    package var destination: String
    /// Folders that are missing are made.
    package var createsFolders: Bool
    /// A file that is there is replaced.
    package var overwrites: Bool
    package init(destination: String, createsFolders: Bool, overwrites: Bool) {
        (self.destination, self.createsFolders, self.overwrites) = (destination, createsFolders, overwrites)
    }
}

/// How far a copy is, in bytes.
package struct FileCopyProgress: Codable, Equatable, Sendable {
    package var done: UInt64
    package var total: UInt64
    package init(done: UInt64, total: UInt64) { (self.done, self.total) = (done, total) }
}

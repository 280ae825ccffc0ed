import Glibc

/// A disk that has several requests under way at once: each is begun, and its end is collected later, in whatever order they come.
///
/// What is begun while something under way touches the same sectors is done after it. The other functions of a disk wait for all that is
/// under way where they must, and may be used in between; what ended meanwhile is collected as ever.
package protocol QueuedDisk: Disk {
    /// Begins to read. `tag` comes back from `collect`. false: there is no room for it beside the others.
    func beginRead(_ tag: UInt64, count: Int, at offset: UInt64) throws(DiskError) -> Bool
    /// Begins to write; the segments are not needed any more when it returns. false: there is no room for it beside the others.
    func beginWrite(_ tag: UInt64, from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) -> Bool
    /// Waits until something that was begun has ended, and hands over all that has; nothing when nothing is under way. What was read is
    /// there only while `body` runs, which must not use the disk.
    func collect(_ body: (_ tag: UInt64, _ outcome: Result<UnsafeRawBufferPointer, DiskError>) -> Void)
}

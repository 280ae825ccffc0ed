import Glibc

/// By what a file is known to be the same that was read before: it was neither replaced nor written since.
package struct FileStamp: Equatable, Sendable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let modified: Int64
    private let changed: Int64

    /// nil when there is no such file. Follows no symbolic link at the path's end.
    package init?(path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, inode, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }

    /// Whether the last change is older than the clock's grain, within which another one would leave the same stamp.
    package func isSettled(at now: Int64) -> Bool { now - changed > 100_000_000 }
}

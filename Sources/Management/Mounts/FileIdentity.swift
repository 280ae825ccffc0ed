import Glibc

/// Device and inode: a file by whatever name.
struct FileIdentity: Equatable {
    var device: UInt64
    var file: UInt64

    init(device: UInt64, file: UInt64) { (self.device, self.file) = (device, file) }

    /// nil when no file is there.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, file) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
}

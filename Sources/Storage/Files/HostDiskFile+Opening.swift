import CHost
import Glibc

extension HostDiskFile {
    /// Opens the image at `path` with its lock: a writer shuts everybody else out, readers only writers.
    public static func open(path: String, readOnly: Bool) throws(DiskOpenError) -> HostDiskFile {
        try open(path: path, readOnly: readOnly, chain: [])
    }

    /// As above; one of the files in `chain` is refused as a loop.
    static func open(path: String, readOnly: Bool, chain: Set<Identity>) throws(DiskOpenError) -> HostDiskFile {
        // Without O_NONBLOCK a pipe of that name would be waited for.
        let descriptor = Glibc.open(path, (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw DiskOpenError.system(errno, path) }
        return try locked(descriptor, path, readOnly: readOnly, chain: chain)
    }

    /// Opens `relativePath` beneath the open `folder` for reading; neither `..` nor a symbolic link leads out. `path` is for messages.
    /// One of the files in `chain` is refused as a loop.
    static func open(
        beneath folder: Int32, _ relativePath: String, path: String, chain: Set<Identity>
    ) throws(DiskOpenError) -> HostDiskFile {
        let descriptor = lv_disk_open_beneath(folder, relativePath, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        switch -descriptor {
        case EXDEV, ELOOP:
            throw DiskOpenError(
                .parentNotAllowed, "“\(path)” leads through a symbolic link or out of the folder.", file: path)
        case 1...: throw DiskOpenError.system(-descriptor, path)
        default: return try locked(descriptor, path, readOnly: true, chain: chain)
        }
    }

    /// Makes a new, empty file at `path` and locks it for writing.
    public static func create(path: String) throws(DiskOpenError) -> HostDiskFile {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DiskOpenError.system(errno, path) }
        return try locked(descriptor, path, readOnly: false, chain: [])
    }

    /// Opens the image at `path` for reading what it says of itself. One that is locked for writing is opened without a lock, and the
    /// second value is true.
    static func openToLookAt(path: String) throws(DiskOpenError) -> (HostDiskFile, isInUse: Bool) {
        do throws(DiskOpenError) {
            return (try open(path: path, readOnly: true), false)
        } catch {
            guard error.code == .inUse else { throw error }
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else { throw DiskOpenError.system(errno, path) }
            return (HostDiskFile(descriptor: descriptor, name: path, isReadOnly: true, isLocked: false), true)
        }
    }

    /// The file of an open, locked entry once more, now with the lock of a writer. The entry's own lock and descriptor end.
    static func reopened(forWriting entry: DiskChainEntry) throws(DiskOpenError) -> HostDiskFile {
        // By the descriptor, not by the path: nobody can put another file there meanwhile.
        let descriptor = Glibc.open("/proc/self/fd/\(entry.descriptor)", O_RDWR | O_CLOEXEC)
        let failure = errno
        lv_disk_unlock(entry.descriptor)
        _ = Glibc.close(entry.descriptor)
        guard descriptor >= 0 else { throw DiskOpenError.system(failure, entry.path) }
        return try locked(descriptor, entry.path, readOnly: false, chain: [])
    }

    /// A second descriptor of the same open file, with the same lock.
    func duplicate() throws(DiskOpenError) -> HostDiskFile {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw DiskOpenError.system(errno, name) }
        return HostDiskFile(descriptor: copy, name: name, isReadOnly: isReadOnly, isLocked: false)
    }

    /// Device and inode: the same for two names of one file.
    struct Identity: Hashable {
        var device: UInt64
        var file: UInt64
    }

    func identity() throws(DiskOpenError) -> Identity {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw DiskOpenError.system(errno, name) }
        return Identity(device: UInt64(status.st_dev), file: UInt64(status.st_ino))
    }

    /// Opens or makes the file `name` of an open folder, with its lock; a symbolic link of that name is refused. `path` is for messages.
    /// `sharing` takes a reader's lock although the file can be written.
    static func open(
        in folder: Int32, _ name: String, path: String, readOnly: Bool, creating: Bool = false, sharing: Bool = false
    ) throws(DiskOpenError) -> HostDiskFile {
        let flags = (readOnly ? O_RDONLY : O_RDWR) | (creating ? O_CREAT | O_EXCL : 0)
        let descriptor = lv_disk_open_in(folder, name, flags, 0o644)
        guard descriptor >= 0 else {
            guard descriptor == -ELOOP else { throw DiskOpenError.system(-descriptor, path) }
            throw DiskOpenError(
                .notPermitted, "“\(path)” is a symbolic link, which is not followed here.", file: path,
                action: "Put the image itself there.")
        }
        return try locked(descriptor, path, readOnly: readOnly, chain: [], sharing: sharing)
    }

    private static func locked(
        _ descriptor: Int32, _ path: String, readOnly: Bool, chain: Set<Identity>, sharing: Bool = false
    ) throws(DiskOpenError) -> HostDiskFile {
        let file = HostDiskFile(descriptor: descriptor, name: path, isReadOnly: readOnly)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw DiskOpenError.system(errno, path) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw DiskOpenError.system(EISDIR, path)
        default:
            throw DiskOpenError(
                .notAFile, "“\(path)” is not a regular file.", file: path, action: "Copy a device's content into an image first.")
        }
        // Before the lock: it would meet the chain's own.
        if !chain.isEmpty, chain.contains(try file.identity()) {
            throw DiskOpenError(
                .chainLoop, "“\(path)” is its own parent's parent.", file: path, action: "Set-VHD -ParentPath names the right parent.")
        }
        var result = lv_disk_lock(descriptor, readOnly || sharing ? 0 : 1)
        // A program that is just being started has copies of this one's descriptors, and so locks that were let go here, for a moment.
        for _ in 0..<10 where result == -EAGAIN {
            usleep(1_000)
            result = lv_disk_lock(descriptor, readOnly || sharing ? 0 : 1)
        }
        guard result == 0 else { throw DiskOpenError.system(-result, path) }
        // Whoever held the lock until now may have removed the file, as a merge does.
        guard fstat(descriptor, &status) == 0, status.st_nlink > 0 else { throw DiskOpenError.system(ENOENT, path) }
        return file
    }
}

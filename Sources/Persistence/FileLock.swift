import Basics
import CHost
import Glibc
import Synchronization

/// An exclusive lock on a file for as long as this object lives: an open-file-description lock, so two holders in one process exclude
/// each other as well, and the kernel lets it go when the process ends in whatever way.
package final class FileLock: Sendable {
    private let file: OpenFile

    private init(file: OpenFile) { self.file = file }

    deinit {
        if !isGivenAway.load(ordering: .relaxed) { _ = lv_lock_release(file.descriptor) }
    }

    private let isGivenAway = Atomic(false)

    /// Another process that was handed the descriptor keeps the lock when this object goes.
    package func giveAway() { isGivenAway.store(true, ordering: .relaxed) }

    /// False once the lock's file has been deleted: then the lock guards nothing any more.
    package var hasName: Bool { file.hasName }
    /// For handing the lock over to another process.
    package var descriptor: Int32 { file.descriptor }

    /// Takes the lock, or returns nil when another holds it.
    package static func take(_ name: String, in folder: Folder) throws -> FileLock? {
        let file = try folder.open(name, O_RDWR | O_CREAT, doing: "write")
        let result = lv_lock_take(file.descriptor)
        if result == -EAGAIN || result == -EACCES { return nil }
        guard result == 0 else { throw PersistenceError.system(-result, "lock", path: file.path) }
        return FileLock(file: file)
    }

    /// Takes the lock, waiting for another holder for at most `seconds`, or until `isCancelled`.
    package static func wait(
        _ name: String, in folder: Folder, seconds: Double = 10, isCancelled: () -> Bool = { false }
    ) throws -> FileLock {
        let end = HostTime.monotonic() + UInt64(seconds * 1e9)
        while true {
            if let lock = try take(name, in: folder) {
                // The file may have been deleted between opening and locking it; then the lock is on nothing.
                if lock.hasName { return lock }
                guard folder.file.hasName else { throw PersistenceError.system(ENOENT, "lock", path: folder.path) }
                continue
            }
            if isCancelled() {
                throw PersistenceError(
                    "OperationStopped", .operationStopped, "Stopped while another command held “\(folder.path(of: name))”.",
                    target: folder.path)
            }
            guard HostTime.monotonic() < end else {
                throw PersistenceError(
                    "LockBusy", .resourceBusy, "Another command has held “\(folder.path(of: name))” for \(Int(seconds)) s.",
                    action: "Wait for it, or end the process that holds it (fuser \(folder.path(of: name))).", target: folder.path)
            }
            usleep(2_000)
        }
    }

    /// True when somebody holds the lock; takes nothing. A lock file that does not exist is held by nobody.
    package static func isHeld(_ name: String, in folder: Folder) throws -> Bool {
        let file: OpenFile
        do {
            file = try folder.open(name, O_RDONLY)
        } catch let error as PersistenceError where error.isNotFound {
            return false
        }
        let result = lv_lock_is_held(file.descriptor)
        guard result >= 0 else { throw PersistenceError.system(-result, "examine", path: file.path) }
        return result == 1
    }
}

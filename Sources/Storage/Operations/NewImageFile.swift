import CHost
import Glibc

/// An image that is being made: it has a temporary name beside its place until it is whole, and is removed if it never becomes so.
final class NewImageFile {
    let file: HostDiskFile
    private let path: String
    private let temporaryPath: String
    private var isDone = false

    /// Begins the image for `path`, where nothing may be.
    init(_ path: String) throws {
        self.path = path
        var status = stat()
        if lstat(path, &status) == 0 {
            throw DiskOpenError.system(EEXIST, path)
        }
        temporaryPath = "\(path).partial-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        do throws(DiskOpenError) {
            file = try HostDiskFile.create(path: temporaryPath)
        } catch {
            guard error.code == .notFound else { throw error }
            throw DiskOpenError(.notFound, "There is no folder “\(ParentSearch.folder(of: path))” for “\(path)”.", file: path)
        }
    }

    deinit {
        guard !isDone else { return }
        file.close()
        unlink(temporaryPath)
    }

    /// Brings the whole image to stable storage and gives it its name, then closes it.
    func finish() throws {
        try file.synchronise()
        let result = lv_disk_rename_new(temporaryPath, path)
        guard result == 0 else { throw DiskOpenError.system(-result, path) }
        isDone = true
        file.close()
        Self.synchroniseFolder(of: path)
    }

    /// Makes a new name, or a removed one, last over a power cut.
    static func synchroniseFolder(of path: String) {
        let descriptor = open(ParentSearch.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

import Basics
import CHost
import Glibc

/// An open folder in which names are looked up: whoever holds it needs no path to reach the images there.
public final class ImageFolder: Sendable {
    /// Closed with the object.
    public let descriptor: Int32
    /// For messages and for what images say about their parents.
    public let path: String

    /// Owns `descriptor` from now on.
    public init(descriptor: Int32, path: String) {
        (self.descriptor, self.path) = (descriptor, ParentSearch.normalised(path))
    }

    /// Opens the folder at `path`.
    public convenience init(path: String) throws(DiskOpenError) {
        let descriptor = lv_disk_open_folder(path)
        guard descriptor >= 0 else {
            guard descriptor == -ENOENT else { throw DiskOpenError.system(-descriptor, path) }
            throw DiskOpenError(.notFound, "There is no folder “\(path)”.", file: path)
        }
        self.init(descriptor: descriptor, path: path)
    }

    deinit { _ = Glibc.close(descriptor) }

    /// Makes new names, and removed ones, last over a power cut.
    public func synchronise() { _ = lv_disk_synchronise_folder(descriptor) }

    static func synchronise(of path: String) {
        guard let folder = try? ImageFolder(path: FilePath.folder(of: path)) else { return }
        folder.synchronise()
    }
}

/// Where an image's file is: a name in an open folder. Nothing is reached by a path, and a symbolic link of that name is not followed.
public struct ImagePlace: Sendable {
    public let folder: ImageFolder
    public let name: String
    /// For messages and for what images say about their parents.
    public let path: String

    /// A file of `folder`. The name is one part of a path.
    public init(folder: ImageFolder, name: String) throws(DiskOpenError) {
        guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
            throw DiskOpenError(.notFound, "“\(name)” is not a file's name in “\(folder.path)”.", file: folder.path)
        }
        (self.folder, self.name, path) = (folder, name, folder.path == "/" ? "/" + name : folder.path + "/" + name)
    }

    /// The file at `path`, for who may open paths.
    public init(path: String) throws(DiskOpenError) {
        let full = ParentSearch.normalised(path)
        let name = full.split(separator: "/").last.map(String.init) ?? ""
        try self.init(folder: ImageFolder(path: FilePath.folder(of: full)), name: name)
    }

    /// Another file of the same folder.
    public func neighbour(_ name: String) throws(DiskOpenError) -> ImagePlace { try ImagePlace(folder: folder, name: name) }

    /// Opens the image with its lock: a writer shuts everybody else out, readers only writers.
    public func open(readOnly: Bool) throws(DiskOpenError) -> HostDiskFile {
        try HostDiskFile.open(in: folder.descriptor, name, path: path, readOnly: readOnly)
    }

    /// Makes a new, empty file and locks it for writing.
    public func create() throws(DiskOpenError) -> HostDiskFile {
        try HostDiskFile.open(in: folder.descriptor, name, path: path, readOnly: false, creating: true)
    }

    /// True when anything has that name.
    public var exists: Bool {
        var status = stat()
        return fstatat(folder.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// The number by which its file system knows the file; nil: there is none.
    public var fileNumber: UInt64? {
        var status = stat()
        return fstatat(folder.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? UInt64(status.st_ino) : nil
    }

    /// Removes the name, lastingly. One that is gone already is no error.
    public func unlink() throws(DiskOpenError) {
        guard unlinkat(folder.descriptor, name, 0) == 0 || errno == ENOENT else { throw DiskOpenError.system(errno, path) }
        folder.synchronise()
    }

    /// As `unlink`, and also removes what attempts to make the image left that were cut off before it had its name.
    public func unlinkWithAttempts() throws(DiskOpenError) {
        unlinkAttempts()
        try unlink()
    }

    /// Removes what attempts to make the image left, and not the image.
    public func unlinkAttempts() {
        for leaving in attempts { unlinkat(folder.descriptor, leaving, 0) }
    }

    /// Names of the form that `NewImageFile` gives images which are being made for this place.
    private var attempts: [String] {
        let copy = openat(folder.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            if copy >= 0 { _ = Glibc.close(copy) }
            return []
        }
        defer { closedir(stream) }
        var found: [String] = []
        while let entry = readdir(stream) {
            let other = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if other.hasPrefix(name + ".partial-") { found.append(other) }
        }
        return found
    }
}

import Glibc

/// An open folder. Everything in it is reached through its descriptor, so a folder that is renamed or deleted meanwhile is never
/// confused with a new one of the same path.
///
/// ```
/// replaceFile:  write NAME.new → fsync → rename over NAME → fsync folder (less where a power cut may take it: Durability)
///               a kill at any point leaves the old content or the new one, never a mixture
/// ```
package final class Folder: Sendable {
    package let file: OpenFile
    package var path: String { file.path }
    package var descriptor: Int32 { file.descriptor }

    package init(path: String) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw PersistenceError.system(errno, "open", path: path) }
        file = OpenFile(descriptor: descriptor, path: path)
    }

    /// Takes over an open descriptor of a folder.
    package init(descriptor: Int32, path: String) { file = OpenFile(descriptor: descriptor, path: path) }

    /// Makes the folder and its missing parents, mode 0700.
    package static func make(path: String) throws {
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        let failure = errno
        guard failure == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw PersistenceError.system(failure, "make", path: path)
        }
        try make(path: String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw PersistenceError.system(errno, "make", path: path) }
    }

    package func path(of name: String) -> String { "\(path)/\(name)" }

    package func subfolder(_ name: String, make: Bool = false) throws -> Folder {
        if make, mkdirat(descriptor, name, 0o700) != 0, errno != EEXIST {
            throw PersistenceError.system(errno, "make", path: path(of: name))
        }
        return Folder(
            descriptor: try openDescriptor(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, doing: "open"), path: path(of: name))
    }

    /// Opens a file of this folder; never follows a symbolic link.
    package func open(_ name: String, _ flags: Int32, doing: String = "open") throws -> OpenFile {
        OpenFile(descriptor: try openDescriptor(name, flags | O_NOFOLLOW, doing: doing), path: path(of: name))
    }

    private func openDescriptor(_ name: String, _ flags: Int32, doing: String) throws -> Int32 {
        let opened = openat(descriptor, name, flags | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw PersistenceError.system(errno, doing, path: path(of: name)) }
        return opened
    }

    package func exists(_ name: String) -> Bool {
        var status = stat()
        return fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    package func readFile(_ name: String, limit: Int = 16 << 20) throws -> [UInt8] {
        try open(name, O_RDONLY, doing: "read").readAll(limit: limit)
    }

    /// Names of everything in the folder but `.` and `..`, sorted.
    package func names() throws -> [String] {
        // A descriptor of its own: reading moves the position that all duplicates share.
        let copy = try openDescriptor(".", O_RDONLY | O_DIRECTORY, doing: "list")
        guard let stream = fdopendir(copy) else {
            let failure = errno
            close(copy)
            throw PersistenceError.system(failure, "list", path: path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// What a power cut may leave of a file that was just replaced; the end of a process never leaves anything but the old or the new.
    package enum Durability: Sendable {
        /// The new content.
        case lasting
        /// The old or the new content.
        case whole
        /// Anything: who reads it does without it then.
        case none
    }

    /// Replaces a file's content as a whole. Throws with the old content in place.
    package func replaceFile(_ name: String, with bytes: [UInt8], _ durability: Durability = .lasting) throws {
        try replaceFile(name, durability) { try $0.write(bytes) }
    }

    /// Replaces a file by what `fill` writes into a new one.
    package func replaceFile(_ name: String, _ durability: Durability = .lasting, fill: (OpenFile) throws -> Void) throws {
        try prepareFile(name, durability, fill: fill).takePlace()
    }

    /// A file's next content, beside the present one until one of the two ways is gone.
    package struct NextContent: Sendable {
        fileprivate let folder: Folder
        fileprivate let name: String
        fileprivate let durability: Durability
        fileprivate var temporary: String { name + ".new" }

        /// Throws with the old content in place.
        package func takePlace() throws {
            do { try folder.rename(temporary, to: name) } catch {
                abandon()
                throw error
            }
            if durability == .lasting { folder.synchronize() }
        }

        package func abandon() { unlinkat(folder.descriptor, temporary, 0) }
    }

    /// Writes what `fill` gives as the file's next content; one at a time for each file.
    package func prepareFile(_ name: String, _ durability: Durability = .lasting, fill: (OpenFile) throws -> Void) throws -> NextContent {
        let next = NextContent(folder: self, name: name, durability: durability)
        do {
            let file = try open(next.temporary, O_WRONLY | O_CREAT | O_TRUNC, doing: "write")
            try fill(file)
            if durability != .none { try file.synchronize() }
        } catch {
            next.abandon()
            throw error
        }
        return next
    }

    package func rename(_ name: String, to new: String) throws {
        guard renameat(descriptor, name, descriptor, new) == 0 else {
            throw PersistenceError.system(errno, "rename", path: path(of: name))
        }
    }

    /// Removes a file; one that is not there is fine.
    package func remove(_ name: String) throws {
        guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else {
            throw PersistenceError.system(errno, "remove", path: path(of: name))
        }
    }

    /// Removes a folder with everything in it; links are removed, never followed.
    package func removeTree(_ name: String) throws {
        if unlinkat(descriptor, name, 0) == 0 || errno == ENOENT { return }
        do {
            let inner = try subfolder(name)
            for entry in try inner.names() { try inner.removeTree(entry) }
        } catch let error as PersistenceError where error.isNotFound {
            // Somebody else removes it, too.
        }
        guard unlinkat(descriptor, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
            throw PersistenceError.system(errno, "remove", path: path(of: name))
        }
    }

    /// Removes what interrupted work left under names with this prefix, as far as that goes.
    package func sweep(_ prefix: String) {
        for name in (try? names()) ?? [] where name.hasPrefix(prefix) { try? removeTree(name) }
    }

    /// Makes renames and removals in this folder durable, as far as its file system can.
    package func synchronize() { fsync(descriptor) }
}

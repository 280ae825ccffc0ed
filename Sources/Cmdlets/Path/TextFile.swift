import Basics
import Glibc

/// Text files, for Out-File, Get-Content and their kin.
enum TextFile {
    /// Writes all of `text`; `isNew` fails when the file exists. A file that is replaced is whole at any moment: it has what it had until
    /// all that is new is written.
    static func write(_ text: String, to path: String, isAppending: Bool, isNew: Bool, cmdlet: String) throws {
        var status = stat()
        let exists = stat(path, &status) == 0
        // What /dev/stdout leads to is somebody's open file, and what a link to nothing leads to is made there.
        let isThere = ["/dev/", "/proc/"].contains { FilePaths.absolute(path).hasPrefix($0) } || !exists && FilePaths.exists(path)
        if isAppending || isNew || isThere || exists && status.st_mode & S_IFMT != S_IFREG {
            return try append(text, to: path, isNew: isNew, isReplacing: isThere && !isAppending, cmdlet)
        }
        // A link stays one: what it leads to is replaced.
        let target = exists ? FilePaths.real(path) ?? path : path
        guard !exists || access(target, W_OK) == 0 else { throw failure("write", path, cmdlet) }
        let beside = FilePaths.join(FilePaths.folder(FilePaths.absolute(target)), ".lunavisor-\(UInt64.random(in: 0...UInt64.max)).tmp")
        let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, exists ? status.st_mode & 0o777 : 0o666)
        guard descriptor >= 0 else {
            // A file may be writable in a folder that is not.
            guard exists, errno == EACCES || errno == EPERM else { throw failure("write", path, cmdlet) }
            return try append(text, to: path, isNew: false, isReplacing: true, cmdlet)
        }
        do {
            if exists {
                // Who may not give files away keeps the new one.
                _ = fchown(descriptor, status.st_uid, status.st_gid)
                _ = fchmod(descriptor, status.st_mode & 0o7777)
            }
            do { try put(text, into: descriptor, path, cmdlet) } catch {
                close(descriptor)
                throw error
            }
            // Some file systems say only now that there was no room.
            guard close(descriptor) == 0, rename(beside, target) == 0 else { throw failure("write", path, cmdlet) }
        } catch {
            unlink(beside)
            throw error
        }
    }

    /// Writes to the file itself, behind what it has unless that is to go.
    private static func append(_ text: String, to path: String, isNew: Bool, isReplacing: Bool = false, _ cmdlet: String) throws {
        let mode = isNew ? O_EXCL : isReplacing ? O_TRUNC : O_APPEND
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0o666)
        guard descriptor >= 0 else { throw failure("write", path, cmdlet) }
        defer { close(descriptor) }
        try put(text, into: descriptor, path, cmdlet)
    }

    private static func put(_ text: String, into descriptor: Int32, _ path: String, _ cmdlet: String) throws {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("write", path, cmdlet)
            }
            written += count
        }
    }

    /// All of a file, at most 256 MiB.
    static func read(_ path: String, cmdlet: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path, cmdlet) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("read", path, cmdlet)
            }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer.prefix(count)
            guard bytes.count <= 256 << 20 else {
                throw ErrorRecord("\(path) is larger than 256 MiB.", "FileTooLarge", .readError, target: path, cmdlet: cmdlet)
            }
        }
    }

    /// What the system said, as an error.
    static func failure(_ verb: String, _ path: String, _ cmdlet: String) -> ErrorRecord {
        let code = errno
        let category: ErrorCategory =
            switch code {
            case ENOENT, ENOTDIR: .objectNotFound
            case EACCES, EPERM, EROFS: .permissionDenied
            case EEXIST: .resourceExists
            default: verb == "read" ? .readError : .writeError
            }
        return ErrorRecord(
            "\(cmdlet) cannot \(verb) “\(path)”: \(String(cString: strerror(code))).", "File\(verb == "read" ? "Read" : "Write")Failed",
            category,
            target: path, cmdlet: cmdlet)
    }
}

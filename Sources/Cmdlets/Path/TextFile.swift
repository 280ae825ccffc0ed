import Basics
import Glibc

/// Text files, for Out-File, Get-Content and their kin.
enum TextFile {
    /// Writes all of `text`; `isNew` fails when the file exists.
    static func write(_ text: String, to path: String, isAppending: Bool, isNew: Bool, cmdlet: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (isAppending ? O_APPEND : O_TRUNC) | (isNew ? O_EXCL : 0), 0o666)
        guard descriptor >= 0 else { throw failure("write", path, cmdlet) }
        defer { close(descriptor) }
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

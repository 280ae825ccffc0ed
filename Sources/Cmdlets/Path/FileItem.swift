import Glibc

/// A file or folder of this host, read anew whenever something is asked.
final class FileItem: LiveObject {
    /// From the root, without `.` and `..`.
    let path: String

    init(_ path: String) { self.path = path }

    static let type = ObjectType(
        name: "FileInfo",
        properties: [
            .init("Mode", "String", "Kind and permissions, as ls shows them."),
            .init("LastWriteTime", "DateTime", "When its contents were changed last."),
            .init("Length", "Int64", "Bytes; nil for a folder."),
            .init("Name", "String", "The last part of its path."),
            .init("FullName", "String", "Its path from the root."),
            .init("DirectoryName", "String", "The folder that it is in."),
            .init("BaseName", "String", "The name without its extension."),
            .init("Extension", "String", "What follows the last dot, with the dot."),
            .init("PSIsContainer", "Boolean", "It is a folder."),
            .init("Exists", "Boolean", "It is still there."),
            .init("LastAccessTime", "DateTime", "When it was read last."),
            .init("LinkTarget", "String", "Where a symbolic link leads; nil for anything else."),
        ])

    var type: ObjectType { Self.type }
    var identity: String { path }
    var displayName: String { path }

    func snapshot() throws -> Record {
        var status = stat()
        let exists = lstat(path, &status) == 0
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        let name = FilePaths.name(path)
        let dot = name.dropFirst().lastIndex(of: ".")
        return Record(
            typeName: "FileInfo",
            [
                ("Mode", .string(exists ? FileMode.text(status.st_mode) : "")),
                ("LastWriteTime", exists ? .time(Self.time(status.st_mtim)) : .null),
                ("Length", exists && !isFolder ? .integer(Int64(status.st_size)) : .null), ("Name", .string(name)),
                ("FullName", .string(path)), ("DirectoryName", .string(FilePaths.folder(path))),
                ("BaseName", .string(dot.map { String(name[..<$0]) } ?? name)),
                ("Extension", .string(dot.map { String(name[$0...]) } ?? "")),
                ("PSIsContainer", .boolean(isFolder)), ("Exists", .boolean(exists)),
                ("LastAccessTime", exists ? .time(Self.time(status.st_atim)) : .null),
                ("LinkTarget", FilePaths.linkTarget(path).map { .string($0) } ?? .null),
            ])
    }

    private static func time(_ time: timespec) -> Timestamp {
        Timestamp(
            unixNanoseconds: Int64(clamping: time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ Int64(time.tv_nsec)
        )
    }
}

/// Permissions as ls writes them.
enum FileMode {
    static func text(_ mode: mode_t) -> String {
        let kind: Character =
            switch mode & S_IFMT {
            case S_IFDIR: "d"
            case S_IFLNK: "l"
            case S_IFIFO: "p"
            case S_IFSOCK: "s"
            case S_IFCHR: "c"
            case S_IFBLK: "b"
            default: "-"
            }
        let letters = Array("rwxrwxrwx")
        return String(kind) + String((0..<9).map { mode & (0o400 >> mode_t($0)) != 0 ? letters[$0] : "-" })
    }
}

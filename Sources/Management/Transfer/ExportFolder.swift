import Basics
import CHost
import Glibc
import Persistence
import Storage

/// An export that is being made: a folder with a temporary name that gets its own when everything in it is whole.
final class ExportFolder {
    /// Where it will be.
    let path: String
    private let parent: Folder
    private let temporaryName: String
    private let root: Folder
    private let transfer: FileTransfer
    private var files: [ExportManifest.File] = []
    private var taken: Set<String> = []
    private var isDone = false

    /// Throws `ExportExists` when something has the place already.
    init(_ place: String, name: String, _ transfer: FileTransfer) throws {
        path = try Self.check(place, name)
        self.transfer = transfer
        let place = Paths.folder(of: path)
        try Folder.make(path: place)
        parent = try Folder(path: place)
        temporaryName = ".partial-\(name.prefix(60))-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        root = try parent.subfolder(temporaryName, make: true)
    }

    deinit {
        if !isDone { try? parent.removeTree(temporaryName) }
    }

    /// Where the export of the VM `name` into `place` will be. Throws `ExportExists`.
    @discardableResult
    static func check(_ place: String, _ name: String) throws -> String {
        let path = DiskOperations.absolutePath("\(DiskOperations.absolutePath(place))/\(name)")
        var status = stat()
        guard lstat(path, &status) != 0 else { throw exists(path) }
        return path
    }

    private static func exists(_ path: String) -> ManagementError {
        ManagementError(
            "ExportExists", .resourceExists, "“\(path)” exists already; an export never replaces anything.",
            action: "Give another folder with -Path, or remove it.", target: path)
    }

    /// A path in `folder` that nothing has yet; clashes get a number.
    func newPath(in folder: String, for name: String) -> String {
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        var (path, number) = ("\(folder)/\(name)", 1)
        while !taken.insert(path.lowercased()).inserted {
            number += 1
            path = "\(folder)/\(name[..<dot])-\(number)\(name[dot...])"
        }
        return path
    }

    /// Copies a file to a path that `newPath` gave.
    func add(_ source: OpenFile, as relative: String) throws {
        let file = try make(relative)
        let copied = try transfer.transfer(source, to: file)
        files.append(.init(path: relative, size: copied.size, sha256: copied.sha256))
    }

    /// Copies an image that stands on another one, which is there already, and lets it find it beside itself.
    func add(_ source: OpenFile, as relative: String, on parent: String) throws {
        _ = try transfer.transfer(source, to: try make(relative))
        try DiskOperations().setParent(root.path(of: relative), to: root.path(of: parent))
        let quiet = FileTransfer(isCancelled: transfer.isCancelled)
        let file = try open(relative)
        try file.synchronize()
        let linked = try quiet.transfer(file)
        files.append(.init(path: relative, size: linked.size, sha256: linked.sha256))
    }

    /// Writes configuration and manifest and gives the folder its name.
    func finish(_ configuration: VirtualMachineConfiguration) throws {
        let relative = "\(ExportManifest.machinesName)/\(configuration.id).json"
        let bytes = try Document.encode(configuration)
        try make(relative).write(bytes)
        let document = try open(relative)
        try document.synchronize()
        let written = try FileTransfer().transfer(document)
        files.append(.init(path: relative, size: written.size, sha256: written.sha256))
        let manifest = ExportManifest(
            id: configuration.id, name: configuration.name, exportTime: HostTime.wall(),
            program: ProcessIdentity.program(of: getpid()) ?? "lunavisor", configuration: relative, files: files)
        for name in try root.names() { (try? root.subfolder(name))?.synchronize() }
        try root.replaceFile(ExportManifest.fileName, with: try Document.encode(manifest))
        let result = lv_disk_rename_new(AT_FDCWD, parent.path(of: temporaryName), path)
        guard result == 0 else { throw result == -EEXIST ? Self.exists(path) : PersistenceError.system(-result, "rename", path: path) }
        isDone = true
        parent.synchronize()
    }

    private func make(_ relative: String) throws -> OpenFile {
        guard !transfer.isCancelled() else { throw ManagementError.stopped }
        let (folder, name) = try place(relative, make: true)
        return try folder.open(name, O_RDWR | O_CREAT | O_EXCL, doing: "write")
    }

    private func open(_ relative: String) throws -> OpenFile {
        let (folder, name) = try place(relative, make: false)
        return try folder.open(name, O_RDONLY)
    }

    private func place(_ relative: String, make: Bool) throws -> (Folder, String) {
        let parts = relative.split(separator: "/").map(String.init)
        guard parts.count == 2 else { return (root, relative) }
        return (try root.subfolder(parts[0], make: make), parts[1])
    }
}

import Basics
import CHost
import Glibc
import Persistence
import Storage

/// A folder that a VM can be imported from: an export, or files of others with a description of ours. Nothing in it is trusted.
struct ImportSource {
    /// Absolute, without symbolic links of its own.
    let path: String
    /// Its paths are relative to the folder, and each is one of `files`.
    let configuration: VirtualMachineConfiguration
    let files: [ExportManifest.File]
    /// It was written by a newer program, and the configuration stands for one that cannot be read.
    let refusal: (any DescribedError)?
    private let folder: Folder
    /// Disks lie there by their names.
    private let disks: Folder?

    /// `path` is the folder or a document in it. Errors: `ExportNotFound`, `ExportUnreadable`, and unless `keepsRefusal` `ExportNewer` and
    /// `ConfigurationNewer`.
    init(_ given: String, diskSource: String?, keepsRefusal: Bool = false) throws {
        var place = DiskOperations.absolutePath(given)
        var status = stat()
        if stat(place, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
            place = Paths.folder(of: place)
            if Paths.name(of: place) == ExportManifest.machinesName { place = Paths.folder(of: place) }
        }
        let folder = try Folder(path: place)
        (path, self.folder) = (place, folder)
        disks = try diskSource.map { try Folder(path: DiskOperations.absolutePath($0)) }
        if folder.exists(ExportManifest.fileName) {
            do {
                (configuration, files) = try Self.readExport(folder)
                refusal = nil
            } catch let error as any DescribedError where keepsRefusal && ["ExportNewer", "ConfigurationNewer"].contains(error.identifier) {
                configuration = Self.standIn(for: folder)
                (files, refusal) = ([], error)
            }
        } else if folder.exists(ImportDescription.fileName) {
            (configuration, files) = try ImportDescription.read(folder)
            refusal = nil
        } else {
            throw ManagementError(
                "ExportNotFound", .objectNotFound,
                "“\(place)” holds no whole export: there is neither \(ExportManifest.fileName) nor \(ImportDescription.fileName).",
                action: "Name the folder that Export-VM made; what was copied halfway must be copied again.", target: place)
        }
        try Self.check(configuration, files, place, isExport: folder.exists(ExportManifest.fileName))
    }

    private static func readExport(_ folder: Folder) throws -> (VirtualMachineConfiguration, [ExportManifest.File]) {
        let manifest: ExportManifest = try read(
            ExportManifest.fileName, try folder.readFile(ExportManifest.fileName), folder, ExportManifest.currentVersion, "ExportNewer")
        try manifest.check(in: folder.path)
        let file = try open(manifest.configuration, in: folder)
        let bytes = try file.readAll(limit: 16 << 20)
        let configuration: VirtualMachineConfiguration = try read(
            manifest.configuration, bytes, folder, VirtualMachineConfiguration.currentVersion,
            "ConfigurationNewer")
        guard configuration.id == manifest.id, configuration.name == manifest.name else {
            throw ExportManifest.lie("the configuration is of another virtual machine", folder.path)
        }
        for checkpoint in configuration.checkpoints
        where checkpoint.configuration.version > VirtualMachineConfiguration.currentVersion {
            throw ManagementError(
                "ConfigurationNewer", .invalidData,
                "The checkpoint “\(checkpoint.name)” in “\(folder.path)” has version \(checkpoint.configuration.version), this program knows versions up to \(VirtualMachineConfiguration.currentVersion).",
                action: "Use the newer program that wrote it; nothing was changed.", target: folder.path)
        }
        // Last, so that a newer version is said first.
        if let listed = manifest.files.first(where: { $0.path == manifest.configuration }), listed.size != UInt64(bytes.count) {
            throw damaged("“\(file.path)” has \(bytes.count) bytes where the manifest says \(listed.size)", folder.path)
        }
        return (configuration, manifest.files)
    }

    /// A configuration with the name that the manifest says, as far as it can be read.
    private static func standIn(for folder: Folder) -> VirtualMachineConfiguration {
        var name = Paths.name(of: folder.path)
        if let manifest: ExportManifest = try? read(
            ExportManifest.fileName, folder.readFile(ExportManifest.fileName), folder, ExportManifest.currentVersion, ""),
            (try? VirtualMachineConfiguration.check(name: manifest.name)) != nil
        {
            name = manifest.name
        }
        return VirtualMachineConfiguration(id: GUID(), name: name, creationTime: 0)
    }

    static func read<Value: Decodable>(
        _ name: String, _ bytes: [UInt8], _ folder: Folder, _ version: Int, _ newer: String
    ) throws -> Value {
        do {
            return try Document.decode(
                Value.self, from: bytes, currentVersion: version, path: folder.path(of: name), corrupt: "ExportUnreadable", newer: newer)
        } catch let error as PersistenceError where error.identifier == "ExportUnreadable" {
            throw ManagementError(
                "ExportUnreadable", .invalidData, error.message,
                action: name == ImportDescription.fileName
                    ? "Correct the file (`help about_Export` explains it); nothing was changed."
                    : "Copy or export it again; nothing was changed.",
                target: folder.path)
        }
    }

    /// What a configuration from elsewhere may say about files and its own past.
    private static func check(
        _ configuration: VirtualMachineConfiguration, _ files: [ExportManifest.File], _ folder: String, isExport: Bool
    ) throws {
        let known = Set(files.map(\.path))
        var copy = configuration
        try copy.mapPaths { path in
            guard known.contains(path) else {
                throw ExportManifest.lie("the configuration names “\(path.prefix(200))”, which is not listed", folder)
            }
            return "/" + path
        }
        copy.forgetPlaces()
        do {
            for configuration in [copy] + copy.checkpoints.map(\.configuration) { try configuration.check() }
        } catch let error as PersistenceError {
            guard isExport else { throw ImportDescription.wrong(error.message, folder) }
            let reason = error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message
            throw ExportManifest.lie("the configuration is invalid: \(reason)", folder)
        }
        let checkpoints = copy.checkpoints
        guard Set(checkpoints.map(\.id)).count == checkpoints.count else { throw ExportManifest.lie("two checkpoints have one id", folder) }
        try checkTree(checkpoints.map { ($0.id, $0.parentId) }, "checkpoints come from each other in a circle", folder)
        let images = copy.past?.images ?? []
        guard Set(images.map(\.path)).count == images.count else { throw ExportManifest.lie("an image is listed twice", folder) }
        try checkTree(images.map { ($0.path, $0.parent) }, "images stand on each other in a circle", folder)
    }

    private static func checkTree<Node: Hashable>(_ nodes: [(Node, Node?)], _ what: String, _ folder: String) throws {
        let parents = Dictionary(nodes, uniquingKeysWith: { first, _ in first })
        for (node, _) in nodes {
            var (next, steps) = (node, 0)
            while let parent = parents[next] ?? nil {
                (next, steps) = (parent, steps + 1)
                guard steps <= nodes.count else { throw ExportManifest.lie(what, folder) }
            }
        }
    }

    // MARK: Its files

    /// Where a file lies.
    func absolutePath(of file: String) -> String {
        guard let disks, let name = Self.diskName(file) else { return folder.path(of: file) }
        return disks.path(of: name)
    }

    private static func diskName(_ path: String) -> String? {
        path.hasPrefix(ExportManifest.disksName + "/") ? Paths.name(of: path) : nil
    }

    /// The configuration with the paths that its files have now.
    var absoluteConfiguration: VirtualMachineConfiguration {
        var absolute = configuration
        absolute.mapPaths { absolutePath(of: $0) }
        absolute.forgetPlaces()
        return absolute
    }

    /// Opens a file beneath the folder, through no symbolic link, and sees that it has the size that the manifest says.
    func open(_ file: ExportManifest.File) throws -> OpenFile {
        let opened: OpenFile
        do {
            if let disks, let name = Self.diskName(file.path) {
                opened = try Self.open(name, in: disks)
            } else {
                opened = try Self.open(file.path, in: folder)
            }
        } catch let error as PersistenceError {
            throw damaged("“\(absolutePath(of: file.path))” cannot be read: \(error.message)")
        }
        let size = UInt64(clamping: try opened.status().st_size)
        guard file.sha256 == nil || size == file.size else {
            throw damaged("“\(opened.path)” has \(size) bytes where the manifest says \(file.size)")
        }
        return opened
    }

    /// Throws `ExportDamaged` when the content is not what the manifest says.
    func check(_ result: FileTransfer.Result, _ file: ExportManifest.File) throws {
        guard let hash = file.sha256, hash.lowercased() != result.sha256 else { return }
        throw damaged("the content of “\(absolutePath(of: file.path))” is not what was exported")
    }

    private func damaged(_ what: String) -> ManagementError { Self.damaged(what, path) }

    private static func damaged(_ what: String, _ path: String) -> ManagementError {
        // What it says may be a sentence already.
        ManagementError(
            "ExportDamaged", .invalidData, "The export in “\(path)” is not whole: \(what.hasSuffix(".") ? String(what.dropLast()) : what).",
            action: "Copy it again from where it was made; nothing was changed.", target: path)
    }

    static func open(_ path: String, in folder: Folder) throws -> OpenFile {
        let descriptor = lv_disk_open_beneath(folder.descriptor, path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw PersistenceError.system(-descriptor, "read", path: folder.path(of: path)) }
        let file = OpenFile(descriptor: descriptor, path: folder.path(of: path))
        guard try file.status().st_mode & S_IFMT == S_IFREG else {
            throw PersistenceError("FileFailure", .invalidData, "“\(file.path)” is not a file.", target: file.path)
        }
        return file
    }
}

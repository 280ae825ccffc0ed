import Basics
import CHost
import Glibc
import Persistence
import Storage

/// The files that an import copies. They get temporary places first; what is not kept in the end is removed with this object.
final class ImportCopy {
    private static let partialPrefix = ".partial-"
    private let store: Store
    private let disks: Folder
    private let stageName: String
    /// Memory and boot files, beside the VMs' folders.
    private let stage: Folder
    /// Disks, beneath where they will be.
    private let diskStage: Folder
    /// Held as long as this object lives: the stage of disks is in use.
    private let claim: FileLock
    private static let claimName = ".claim"
    /// In the stage: where the VM's folder will be when the disks are its own.
    private static let ownerName = ".owner"
    private let madeDiskFolder: Bool
    /// Disks by their paths beneath the folder of disks.
    private var diskNames: [String] = []
    private var placed: [String] = []
    private var memoryPlace: (folder: String, name: String)?
    private var isKept = false

    /// Copies what `configuration` names of the report's source, and lets it name the copies.
    init(
        _ report: CompatibilityReport, _ configuration: inout VirtualMachineConfiguration, store: Store, host: VirtualMachineHost,
        isCancelled: @escaping () -> Bool, progress: @escaping (Double, UInt64) -> Void
    ) throws {
        self.store = store
        let place = report.options.diskDestination.map { DiskOperations.absolutePath($0) } ?? Self.newPlace(configuration.name, host)
        madeDiskFolder = access(place, F_OK) != 0
        try Folder.make(path: place)
        disks = try Folder(path: place)
        // Another import of the same VM, or what is left of one that was killed, is not ours to touch.
        stageName = "\(Self.partialPrefix)\(configuration.id)-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        stage = try store.folder.subfolder(stageName, make: true)
        diskStage = try disks.subfolder(stageName, make: true)
        claim = try FileLock.wait(Self.claimName, in: diskStage)
        try diskStage.replaceFile(Self.ownerName, with: Array(store.machinePath(configuration.id).utf8))
        if let memory = report.options.memoryDestination.map({ DiskOperations.absolutePath($0) }) {
            memoryPlace = (memory, configuration.id.description)
            configuration.snapshotFileLocation = memory
        }
        try copy(report, &configuration, isCancelled, progress)
    }

    deinit {
        try? store.folder.removeTree(stageName)
        try? disks.removeTree(stageName)
        guard !isKept else { return }
        for path in placed { unlink(path) }
        if let memoryPlace, let folder = try? Folder(path: memoryPlace.folder) { try? folder.removeTree(memoryPlace.name) }
        if madeDiskFolder { rmdir(disks.path) }
    }

    /// A folder of the VM's name among the host's disks; one that exists gets a number.
    private static func newPlace(_ name: String, _ host: VirtualMachineHost) -> String {
        let base = host.information().virtualHardDiskPath + "/" + name
        var (path, number) = (base, 1)
        while access(path, F_OK) == 0 {
            number += 1
            path = "\(base)-\(number)"
        }
        return path
    }

    /// What would be copied, and where to; the id is drawn anew when it is done.
    static func plan(_ report: CompatibilityReport, store: Store, host: VirtualMachineHost) -> [FileStep] {
        let (configuration, source) = (report.configuration, report.source)
        let wanted = paths(configuration, source)
        let disks = report.options.diskDestination.map { DiskOperations.absolutePath($0) } ?? newPlace(configuration.name, host)
        let machine = store.machinePath(configuration.id).without(configuration.id)
        let memory = configuration.memoryPaths
        let boot = bootPaths(configuration)
        return source.files.filter { wanted.contains(source.absolutePath(of: $0.path)) }.map { file in
            let from = source.absolutePath(of: file.path)
            let prefix = ExportManifest.disksName + "/"
            let place: String
            if memory.contains(from) {
                let folder = report.options.memoryDestination.map { DiskOperations.absolutePath($0) + "/<id>" }
                place = (folder ?? "\(machine)/\(VirtualMachineFolder.checkpointsName)") + "/" + Paths.name(of: file.path)
            } else if boot.contains(from) {
                place = "\(machine)/\(VirtualMachineFolder.bootName)/\(Paths.name(of: file.path))"
            } else {
                place = disks + "/" + (file.path.hasPrefix(prefix) ? String(file.path.dropFirst(prefix.count)) : file.path)
            }
            return .copy(from, to: place, bytes: file.size)
        }
    }

    private func copy(
        _ report: CompatibilityReport, _ configuration: inout VirtualMachineConfiguration, _ isCancelled: @escaping () -> Bool,
        _ progress: @escaping (Double, UInt64) -> Void
    ) throws {
        let machine = store.machinePath(configuration.id)
        let source = report.source
        let wanted = Self.paths(configuration, source)
        let files = source.files.filter { wanted.contains(source.absolutePath(of: $0.path)) }
        let total = Double(max(files.reduce(0) { $0 &+ $1.size }, 1))
        var done: UInt64 = 0
        let transfer = FileTransfer(
            isCancelled: isCancelled,
            didTransfer: {
                done &+= $0
                progress(min(1, Double(done) / total), UInt64(total))
            })
        let memory = configuration.memoryPaths
        let boot = Self.bootPaths(configuration)
        var places: [String: String] = [:]
        var taken: Set<String> = []
        for file in files {
            guard !isCancelled() else { throw ManagementError.stopped }
            let from = source.absolutePath(of: file.path)
            let name = Self.unused(Paths.name(of: file.path), &taken)
            if memory.contains(from) {
                if let memoryPlace {
                    let folder = "\(memoryPlace.folder)/\(memoryPlace.name)"
                    try Folder.make(path: folder)
                    try copy(file, source, into: try Folder(path: folder), name, transfer)
                    places[from] = "\(folder)/\(name)"
                } else {
                    let folder = try stage.subfolder(VirtualMachineFolder.checkpointsName, make: true)
                    try copy(file, source, into: folder, name, transfer)
                    places[from] = "\(VirtualMachineFolder.checkpointsName)/\(name)"
                }
            } else if boot.contains(from) {
                try copy(file, source, into: try stage.subfolder(VirtualMachineFolder.bootName, make: true), name, transfer)
                places[from] = "\(machine)/\(VirtualMachineFolder.bootName)/\(name)"
            } else {
                let prefix = ExportManifest.disksName + "/"
                let relative = file.path.hasPrefix(prefix) ? String(file.path.dropFirst(prefix.count)) : file.path
                removeAbandoned(relative)
                guard !disks.exists(relative) else {
                    throw ManagementError(
                        "DiskExists", .resourceExists, "“\(disks.path(of: relative))” exists already; an import never replaces anything.",
                        action: "Give another folder with -VhdDestinationPath.", target: relative)
                }
                let path = diskStage.path(of: relative)
                try Folder.make(path: Paths.folder(of: path))
                try copy(file, source, into: try Folder(path: Paths.folder(of: path)), Paths.name(of: path), transfer)
                diskNames.append(relative)
                places[from] = disks.path(of: relative)
            }
        }
        configuration.mapPaths { places[$0] ?? $0 }
    }

    /// Removes a disk that an import placed which was killed before its VM was there. It can be told from everything else: that import's
    /// stage has the same file still, nobody holds the stage, and there is no VM where it says.
    private func removeAbandoned(_ name: String) {
        guard let wanted = Self.identity(disks.path(of: name)) else { return }
        for other in (try? disks.names()) ?? [] where other.hasPrefix(Self.partialPrefix) && other != stageName {
            guard let stage = try? disks.subfolder(other), let staged = Self.identity(stage.path(of: name)), staged == wanted,
                let owner = try? stage.readFile(Self.ownerName, limit: 4096), owner.first == UInt8(ascii: "/"),
                (try? FileLock.isHeld(Self.claimName, in: stage)) == false,
                access(String(decoding: owner, as: UTF8.self), F_OK) != 0, errno == ENOENT
            else { continue }
            unlink(disks.path(of: name))
            return
        }
    }

    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }

    private func copy(
        _ file: ExportManifest.File, _ source: ImportSource, into folder: Folder, _ name: String, _ transfer: FileTransfer
    ) throws {
        let new = try folder.open(name, O_WRONLY | O_CREAT | O_EXCL, doing: "write")
        try source.check(try transfer.transfer(try source.open(file), to: new), file)
        folder.synchronize()
    }

    private static func unused(_ name: String, _ taken: inout Set<String>) -> String {
        var (path, number) = (name, 1)
        while !taken.insert(path).inserted {
            number += 1
            path = "\(number)-\(name)"
        }
        return path
    }

    private static func bootPaths(_ configuration: VirtualMachineConfiguration) -> Set<String> {
        Set(
            ([configuration] + configuration.checkpoints.map(\.configuration)).flatMap {
                [$0.firmware.kernelPath, $0.firmware.initialRamdiskPath].compactMap(\.self)
            })
    }

    /// What the configuration needs: what it names, and the parents of its disks.
    private static func paths(_ configuration: VirtualMachineConfiguration, _ source: ImportSource) -> Set<String> {
        var paths = configuration.memoryPaths.union(bootPaths(configuration))
        for placed in configuration.drives + configuration.checkpoints.flatMap(\.configuration.drives) {
            guard let path = placed.drive.path, paths.insert(path).inserted, let format = placed.drive.format.flatMap(DiskFormat.init),
                let chain = try? DiskChain.resolve(
                    path: path, format: format, allowedParents: placed.drive.allowedParents ?? [], readOnly: true)
            else { continue }
            paths.formUnion(chain.entries.dropFirst().map(\.path))
            chain.close()
        }
        return paths
    }

    /// Call under the store's lock, with the VM's folder that gets its name directly after: puts everything where it belongs.
    func move(into machine: VirtualMachineFolder) throws {
        for name in try stage.names() {
            guard renameat(stage.descriptor, name, machine.folder.descriptor, name) == 0 else {
                throw PersistenceError.system(errno, "rename", path: stage.path(of: name))
            }
        }
        for name in diskNames {
            let path = disks.path(of: name)
            try Folder.make(path: Paths.folder(of: path))
            // A second name, so that what a kill leaves from here on is found (`removeAbandoned`); the stage goes with this object.
            if link(diskStage.path(of: name), path) != 0 {
                guard errno != EEXIST else { throw PersistenceError.system(EEXIST, "make", path: path) }
                // A file system without second names.
                let result = lv_disk_rename_new(AT_FDCWD, diskStage.path(of: name), path)
                guard result == 0 else { throw PersistenceError.system(-result, "rename", path: path) }
            }
            placed.append(path)
        }
        disks.synchronize()
    }

    func keep() { isKept = true }
}

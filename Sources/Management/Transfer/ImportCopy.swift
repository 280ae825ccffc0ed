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
            let result = lv_disk_rename_new(AT_FDCWD, diskStage.path(of: name), path)
            guard result == 0 else { throw PersistenceError.system(-result, "rename", path: path) }
            placed.append(path)
        }
        disks.synchronize()
    }

    func keep() { isKept = true }
}

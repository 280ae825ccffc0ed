import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

extension VirtualMachine {
    /// Exports the VM with its checkpoints and everything that they need into a folder of its own in the folder `place`, and returns that
    /// folder's path. Of a running VM a checkpoint is made for the time that this takes. What was cut off has a name that begins with
    /// `.partial-` and is no export.
    ///
    /// Errors: `ExportExists`, those of making a checkpoint of a running VM, what reading disks says, `DiskFull`.
    @discardableResult
    public func export(
        to place: String, capturing capture: LiveCapture = .savedState, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double, UInt64) -> Void = { _, _ in }
    ) throws -> String {
        let folder = try files().folder
        let name = try configuration().name
        try checkNoDiskSet(try configuration(), "be exported")
        guard try folder.hasWorker() else {
            return try writing("exported") { folder in
                var configuration = try folder.readConfiguration()
                if configuration.savedMemory == nil, folder.hasSavedState {
                    configuration.savedMemory = .init(path: VirtualMachineFolder.savedStateName)
                }
                return try export(configuration, of: folder, to: place, isCancelled, progress)
            }
        }
        try ExportFolder.check(place, name)
        let made = try makeCheckpoint(named: "Export of \(name)", capturing: capture, isCancelled: isCancelled).checkpoint
        let path = Result { () throws -> String in
            var exported = made.configuration
            var now = try configuration()
            now.removeCheckpoints([made.id])
            (exported.name, exported.past, exported.savedMemory) = (now.name, now.past, made.memory)
            return try export(exported, of: folder, to: place, isCancelled, progress)
        }
        try removeCheckpoints([made.id])
        return try path.get()
    }

    /// Exports what the VM was at a checkpoint, as a VM without a past.
    @discardableResult
    public func exportCheckpoint(
        _ id: GUID, to place: String, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double, UInt64) -> Void = { _, _ in }
    ) throws -> String {
        let folder = try files().folder
        let lock = try folder.lockConfiguration()
        defer { withExtendedLifetime(lock) {} }
        guard let checkpoint = try configuration().checkpoint(id) else { throw ManagementError.checkpointGone(name) }
        var exported = checkpoint.configuration
        exported.name = name
        exported.savedMemory = checkpoint.memory
        try checkMemory(of: checkpoint, folder)
        return try export(exported, of: folder, to: place, isCancelled, progress)
    }

    /// Files that may be read and are not written meanwhile: their VM does not run, or they belong to a checkpoint.
    private func export(
        _ configuration: VirtualMachineConfiguration, of folder: VirtualMachineFolder, to place: String,
        _ isCancelled: @escaping () -> Bool, _ progress: @escaping (Double, UInt64) -> Void
    ) throws -> String {
        let sources = try ExportSources(configuration, folder)
        let total = Double(max(sources.size, 1))
        var done: UInt64 = 0
        let transfer = FileTransfer(
            isCancelled: isCancelled,
            didTransfer: {
                done += $0
                progress(min(1, Double(done) / total), UInt64(total))
            })
        let export = try ExportFolder(place, name: configuration.name, transfer)
        var exported = sources.configuration
        let relative = try sources.write(into: export)
        exported.mapPaths { relative[$0] ?? $0 }
        exported.forgetPlaces()
        try export.finish(exported)
        progress(1, 0)
        let initiator = CurrentUser.initiator
        _ = try? EventLog(folder: folder.folder).append(
            VirtualMachineEvent(.notice, message: "Exported to “\(export.path)” by \(initiator.user).", initiator: initiator))
        return export.path
    }
}

/// Everything that a configuration names, open and locked against change.
private final class ExportSources {
    /// Without images that nothing named stands on.
    private(set) var configuration: VirtualMachineConfiguration
    private(set) var size: UInt64 = 0
    private var disks: [(path: String, file: OpenFile, parent: String?)] = []
    private var others: [(path: String, file: OpenFile, folder: String, name: String)] = []
    private var known: Set<String> = []

    init(_ wanted: VirtualMachineConfiguration, _ folder: VirtualMachineFolder) throws {
        var wanted = wanted
        configuration = wanted
        let machine = wanted.name
        for placed in wanted.drives + wanted.checkpoints.flatMap(\.configuration.drives) {
            guard let path = placed.drive.path, !known.contains(path) else { continue }
            guard let format = placed.drive.format.flatMap({ DiskFormat(rawValue: $0) }) else {
                throw ManagementError("DiskFormatInvalid", .invalidData, "A drive of “\(machine)” has no usable format.", target: machine)
            }
            let chain = try DiskChain.resolve(
                path: path, format: format, allowedParents: placed.drive.allowedParents ?? [], readOnly: true)
            let opened = chain.entries.map { OpenFile(descriptor: $0.descriptor, path: $0.path) }
            // The name by which the drive knows it first, its last parent at the end.
            let paths = [path] + chain.entries.dropFirst().map(\.path)
            for index in paths.indices.reversed() where known.insert(paths[index]).inserted {
                disks.append((paths[index], opened[index], index + 1 < paths.count ? paths[index + 1] : nil))
                size += UInt64(clamping: try opened[index].status().st_size)
            }
        }
        if var past = wanted.past {
            past.images.removeAll { !known.contains($0.path) }
            past.detached = nil
            past.borrowed?.removeAll { !known.contains($0) }
            past.shared = nil
            wanted.past = past.images.isEmpty && past.checkpoints.isEmpty ? nil : past
        }
        configuration = wanted
        for path in wanted.memoryPaths.sorted() {
            let isSavedState = path == VirtualMachineFolder.savedStateName
            let file =
                isSavedState
                ? try folder.folder.open(path, O_RDONLY, doing: "read") : try folder.openMemory(.init(path: path)).first
            let name = isSavedState ? VirtualMachineFolder.memoryName(of: wanted.id) : Paths.name(of: path)
            if let file { try add(path, file, ExportManifest.memoryName, name) }
        }
        for configuration in [wanted] + wanted.checkpoints.map(\.configuration) {
            if let path = configuration.firmware.kernelPath, !known.contains(path), let file = try BootFiles.openKernel(configuration) {
                try add(path, file, ExportManifest.bootName, Paths.name(of: path))
            }
            if let path = configuration.firmware.initialRamdiskPath, !known.contains(path),
                let file = try BootFiles.openInitialRamdisk(configuration)
            {
                try add(path, file, ExportManifest.bootName, Paths.name(of: path))
            }
        }
    }

    private func add(_ path: String, _ file: OpenFile, _ folder: String, _ name: String) throws {
        guard known.insert(path).inserted else { return }
        others.append((path, file, folder, name))
        size += UInt64(clamping: try file.status().st_size)
    }

    /// Parents before what stands on them. Returns each file's path in the export by its path here.
    func write(into export: ExportFolder) throws -> [String: String] {
        var relative: [String: String] = [:]
        for disk in disks {
            let path = export.newPath(in: ExportManifest.disksName, for: Paths.name(of: disk.path))
            if let parent = disk.parent.flatMap({ relative[$0] }) {
                try export.add(disk.file, as: path, on: parent)
            } else {
                try export.add(disk.file, as: path)
            }
            relative[disk.path] = path
        }
        for other in others {
            let path = export.newPath(in: other.folder, for: other.name)
            try export.add(other.file, as: path)
            relative[other.path] = path
        }
        return relative
    }
}

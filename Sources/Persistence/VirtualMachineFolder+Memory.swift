import Basics
import Glibc

/// The files of checkpoints' memory: `checkpoints/<id>.memory` in the VM's folder, or `<VM's id>/<id>.memory` where the user wants them.
extension VirtualMachineFolder {
    package static let checkpointsName = "checkpoints"

    package static func memoryName(of checkpoint: GUID) -> String { "\(checkpoint).memory" }

    /// The folder in which a new checkpoint's memory lies, made when it is missing, and the file's path as the configuration names it.
    package func memoryPlace(of checkpoint: GUID, _ configuration: VirtualMachineConfiguration) throws -> (folder: Folder, path: String) {
        let name = Self.memoryName(of: checkpoint)
        guard let location = configuration.snapshotFileLocation else {
            return (try folder.subfolder(Self.checkpointsName, make: true), "\(Self.checkpointsName)/\(name)")
        }
        let path = "\(location)/\(id)"
        try Folder.make(path: path)
        return (try Folder(path: path), "\(path)/\(name)")
    }

    /// Opens a memory image and those that it builds on, nearest first.
    package func openMemory(_ image: VirtualMachineConfiguration.MemoryImage) throws -> [OpenFile] {
        try image.paths.map { path in
            guard path.hasPrefix("/") else {
                let parts = path.split(separator: "/")
                guard parts.count == 2, parts[0] == Self.checkpointsName else {
                    throw PersistenceError(
                        "ConfigurationUnreadable", .invalidData, "“\(path)” is no memory file of a checkpoint.", target: path)
                }
                return try folder.subfolder(Self.checkpointsName).open(String(parts[1]), O_RDONLY, doing: "read")
            }
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { throw PersistenceError.system(errno, "read", path: path) }
            return OpenFile(descriptor: descriptor, path: path)
        }
    }

    /// Throws `CheckpointDamaged` when a file of a checkpoint's memory is not there or `look` throws, `SavedStateNewer` when one is of a newer
    /// version. `look` judges what is in a file.
    package func checkMemory(
        _ image: VirtualMachineConfiguration.MemoryImage, of checkpoint: String, look: (Int32) throws -> Void
    ) throws {
        do {
            for file in try openMemory(image) {
                try SavedStateVersion.check(file)
                try look(file.descriptor)
            }
        } catch let error as PersistenceError where error.identifier == SavedStateVersion.newer {
            throw error
        } catch let error as any DescribedError {
            throw PersistenceError(
                "CheckpointDamaged", .invalidData, "The memory of the checkpoint “\(checkpoint)” cannot be read: \(error.message)",
                action: "Put the file back, or remove the checkpoint; its disks are still there.", target: checkpoint)
        }
    }

    /// Keeps the saved state for a checkpoint, without a copy.
    package func keepSavedState(as checkpoint: GUID) throws -> VirtualMachineConfiguration.MemoryImage {
        let place = try folder.subfolder(Self.checkpointsName, make: true)
        let name = Self.memoryName(of: checkpoint)
        guard linkat(folder.descriptor, Self.savedStateName, place.descriptor, name, 0) == 0 else {
            throw PersistenceError.system(errno, "make", path: place.path(of: name))
        }
        place.synchronize()
        return VirtualMachineConfiguration.MemoryImage(path: "\(Self.checkpointsName)/\(name)")
    }

    /// True for a memory file in the VM's folder that only its next start needs.
    package func isOfNoCheckpoint(_ path: String, _ configuration: VirtualMachineConfiguration) -> Bool {
        path.hasPrefix(Self.checkpointsName + "/") && !configuration.checkpoints.contains { $0.memory?.paths.contains(path) == true }
    }

    /// Deletes a memory file in the VM's folder.
    package func removeMemory(_ path: String) {
        guard path.hasPrefix(Self.checkpointsName + "/") else { return }
        try? folder.subfolder(Self.checkpointsName).remove(String(path.dropFirst(Self.checkpointsName.count + 1)))
    }

    /// Deletes memory files that the configuration does not name. Call where no checkpoint is being made.
    package func removeUnusedMemory(_ configuration: VirtualMachineConfiguration) {
        let used = Set(configuration.memoryPaths.compactMap { $0.split(separator: "/").last.map(String.init) })
        var places = [try? folder.subfolder(Self.checkpointsName)]
        let former = configuration.formerSnapshotLocations ?? []
        for location in [configuration.snapshotFileLocation].compactMap(\.self) + former {
            places.append(try? Folder(path: "\(location)/\(id)"))
        }
        for place in places.compactMap(\.self) {
            for name in (try? place.names()) ?? [] where name.hasSuffix(".memory") && !used.contains(name) { try? place.remove(name) }
        }
        // Those that are empty now.
        for location in former { rmdir("\(location)/\(id)") }
    }
}

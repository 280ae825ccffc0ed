import Glibc
import Persistence

extension VirtualMachine {
    /// What `remove` would do to files. Everything that would stand in the way is thrown as if it was tried; nothing changes.
    public func planRemove(deletingDisks: Bool = false) throws -> [FileStep] {
        let folder = try files().folder
        guard try !folder.hasWorker() else { throw ManagementError.refused("removed", name, state: try status().state) }
        let own = folder.folder.path + "/"
        var steps: [FileStep] = []
        var drives: [VirtualMachineConfiguration.PlacedDrive] = []
        var detached: [String] = []
        if var configuration = try? configuration() {
            let ids = Set(configuration.checkpoints.map(\.id))
            try checkRemovable(ids, of: configuration)
            let memory = try configuration.memoryPaths.map { try absolutePath(ofMemory: $0) }
            configuration.removeCheckpoints(ids)
            while let step = ImageTree(configuration).nextStep {
                steps.append(FileStep(step))
                configuration.complete(step)
            }
            steps += memory.sorted().filter { !$0.hasPrefix(own) }.map { .delete($0, bytes: FileStep.bytesOnDisk($0)) }
            drives = configuration.drives
            detached = configuration.imagesOfNoDrive
        }
        steps.append(.delete(folder.folder.path, bytes: FileStep.bytesOnDisk(beneath: folder.folder)))
        for path in drives.filter({ $0.drive.kind == .hardDisk }).compactMap(\.drive.path) where !path.hasPrefix(own) {
            if !deletingDisks {
                steps.append(.remark("leaves \(path)"))
            } else if let user = try host.users(of: path).first(where: { $0.id != id }) {
                steps.append(.remark("leaves \(path), which “\(user.name)” uses"))
            } else {
                steps.append(.delete(path, bytes: FileStep.bytesOnDisk(path)))
            }
        }
        return steps + detached.filter { !$0.hasPrefix(own) }.map { .remark("leaves \($0)") }
    }
}

extension FileStep {
    init(_ step: ImageTree.Step) {
        self =
            switch step {
            case .remove(let image): .delete(image.path, bytes: Self.bytesOnDisk(image.path))
            case .merge(let child, let parent, _): .merge(child.path, into: parent, bytes: Self.bytesOnDisk(child.path))
            }
    }

    /// Bytes of the host's disk that a file takes; 0: it is not there.
    static func bytesOnDisk(_ path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(clamping: status.st_blocks) * 512 : 0
    }

    /// The same of all files in a folder; links are not followed.
    static func bytesOnDisk(beneath folder: Folder) -> UInt64 {
        ((try? folder.names()) ?? []).reduce(0) { sum, name in
            if let inner = try? folder.subfolder(name) { return sum + bytesOnDisk(beneath: inner) }
            var status = stat()
            return lstat(folder.path(of: name), &status) == 0 ? sum + UInt64(clamping: status.st_blocks) * 512 : sum
        }
    }
}

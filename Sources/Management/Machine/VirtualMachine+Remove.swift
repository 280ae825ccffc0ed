import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// What became of the disks of a VM that was removed.
public struct RemovedDisks: Sendable, Equatable {
    /// Images that the user made or attached, and that are still there.
    public var kept: [String] = []
    public var deleted: [String] = []
    /// Images that were to be deleted, but that other VMs use or stand on, with those VMs' names.
    public var inUse: [String: String] = [:]
    public init() {}
}

extension VirtualMachine {
    /// Removes the VM with everything in its folder; only while it does not run. Its checkpoints are merged into its disks first, which are
    /// the user's and stay, unless `deletingDisks`: then those go that no other VM uses or stands on.
    ///
    /// Errors: `CheckpointInUse` when another VM is a linked clone of this one, and what merging says. A VM whose configuration cannot be
    /// read is removed without looking at its disks.
    @discardableResult
    public func remove(
        deletingDisks: Bool = false, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws -> RemovedDisks {
        guard try !files().folder.hasWorker() else { return try writing("removed") { _ in RemovedDisks() } }
        if (try? configuration())?.moving != nil { try writing("removed") { try settleMove($0) } }
        if let configuration = try? configuration(), let past = configuration.past {
            if !past.checkpoints.isEmpty {
                try removeCheckpoints(Set(past.checkpoints.map(\.id)), isCancelled: isCancelled, progress: progress)
            } else {
                try writing("merged") { try tidy($0, isCancelled: isCancelled, progress: progress) }
            }
        }
        let store = try files().store
        var result = RemovedDisks()
        try store.locked {
            try writing("removed") { folder in
                let configuration = try? folder.readConfiguration()
                let drives = configuration?.drives ?? []
                // What lies in the folder goes with it.
                let images = drives.filter { $0.drive.kind == .hardDisk }.compactMap(\.drive.path)
                let disks = images.filter { !$0.hasPrefix(folder.folder.path + "/") }
                // Before the VM: cut off in between, it is there to be removed again, and no disk is left that nothing names.
                result = try host.settleDisks(disks, of: id, deleting: deletingDisks)
                result.kept += (configuration?.imagesOfNoDrive ?? []).filter { !$0.hasPrefix(folder.folder.path + "/") }
                try store.remove(id)
            }
        }
        return result
    }
}

extension VirtualMachineConfiguration {
    /// What was taken from the VM's drives while it had checkpoints, and what that stands on: the user's.
    var imagesOfNoDrive: [String] {
        let parents = Dictionary((past?.images ?? []).map { ($0.path, $0.parent) }, uniquingKeysWith: { first, _ in first })
        var found = Set(past?.detached ?? [])
        for path in found {
            var next = parents[path]
            while let parent = next, found.insert(parent).inserted { next = parents[parent] }
        }
        return found.subtracting(drives.compactMap(\.drive.path)).subtracting(past?.borrowed ?? []).sorted()
    }
}

extension VirtualMachineHost {
    /// Deletes those disks of a VM that goes that nobody else uses, or says which stay.
    fileprivate func settleDisks(_ disks: [String], of machine: GUID, deleting: Bool) throws -> RemovedDisks {
        var result = RemovedDisks()
        for path in disks {
            guard deleting else {
                result.kept.append(path)
                continue
            }
            if let user = try users(of: path).first(where: { $0.id != machine }) {
                result.inUse[path] = user.name
                continue
            }
            guard unlink(path) == 0 || errno == ENOENT else { throw PersistenceError.system(errno, "delete", path: path) }
            result.deleted.append(path)
        }
        return result
    }

    /// VMs, running or not, that name the image, now or at a checkpoint, or have a disk that stands on it.
    func users(of path: String) throws -> [VirtualMachine] {
        try machines().filter { machine in
            guard let configuration = try? machine.configuration() else { return false }
            let drives = configuration.drives + configuration.checkpoints.flatMap(\.configuration.drives)
            return drives.contains { $0.drive.uses(path) }
        }
    }
}

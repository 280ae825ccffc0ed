import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

extension VirtualMachine {
    /// The VM's checkpoints in the order in which they were made.
    public func checkpoints() throws -> [VirtualMachineConfiguration.Checkpoint] { try configuration().checkpoints }

    /// Makes a checkpoint of the kind that the VM's configuration says, of a running or stopped VM, and returns it. The VM's disks go on in
    /// differencing images. On an error the VM is as before.
    ///
    /// Errors: `CheckpointsDisabled`, `CheckpointNotPossible` (a disk has no differencing images), what the guest answers where a production
    /// checkpoint is demanded, `DiskFull`.
    ///
    /// `capture` says what an export of a running VM needs, whatever the configuration's kind is.
    public func makeCheckpoint(
        named name: String? = nil, isAutomatic: Bool = false, capturing capture: LiveCapture? = nil, isCancelled: () -> Bool = { false }
    ) throws -> (checkpoint: VirtualMachineConfiguration.Checkpoint, figures: CheckpointMade) {
        if let name { try Self.check(checkpointName: name) }
        let folder = try files().folder
        let lock = try folder.lockConfiguration()
        defer { withExtendedLifetime(lock) {} }
        let configuration = try configuration()
        if !isAutomatic, capture == nil { try checkCheckpointsAllowed(configuration) }
        try checkNoDiskSet(configuration, "have checkpoints")
        try checkDisksAreOwn(configuration)
        let name = name ?? Self.defaultCheckpointName(of: configuration.name, isAutomatic: isAutomatic)
        if try folder.hasWorker(), let made = try makeRunningCheckpoint(named: name, capture, configuration, folder, isCancelled) {
            return made
        }
        let checkpoint = try writing("checkpointed") { folder in
            try makeRestingCheckpoint(named: name, isAutomatic: isAutomatic, in: folder)
        }
        return (checkpoint, CheckpointMade())
    }

    /// Gives a checkpoint another name, in any state of the VM. Names need not differ.
    public func renameCheckpoint(_ id: GUID, to name: String) throws {
        try Self.check(checkpointName: name)
        try configure { configuration in
            guard let index = configuration.past?.checkpoints.firstIndex(where: { $0.id == id }) else {
                throw ManagementError.checkpointGone(self.name)
            }
            configuration.past?.checkpoints[index].name = name
        }
    }

    func checkCheckpointsAllowed(_ configuration: VirtualMachineConfiguration) throws {
        guard configuration.checkpointType != "Disabled" else {
            throw ManagementError(
                "CheckpointsDisabled", .invalidOperation, "Checkpoints of “\(configuration.name)” are disabled.",
                action: "Enable them: Set-VM \(configuration.name) -CheckpointType Production", target: configuration.name)
        }
    }

    /// Throws `DiskShared` when another VM has one of the VM's disks, too: what it writes there would change what the checkpoint stands on.
    private func checkDisksAreOwn(_ configuration: VirtualMachineConfiguration) throws {
        let paths = Set(configuration.drives.filter { $0.drive.kind == .hardDisk }.compactMap(\.drive.path))
        guard !paths.isEmpty else { return }
        for other in try host.machines() where other.id != id {
            let drives = (try? other.configuration())?.drives ?? []
            guard let path = drives.compactMap(\.drive.path).first(where: paths.contains) else { continue }
            throw ManagementError(
                "DiskShared", .resourceBusy,
                "“\(path)” is a disk of “\(other.name)”, too, and what that writes would change what the checkpoint stands on.",
                action: "Take the disk from one of the two with Remove-VMHardDiskDrive.",
                target: path)
        }
    }

    static func check(checkpointName name: String) throws {
        let longest = VirtualMachineConfiguration.longestName
        if let flaw = NameRule.flaw(of: name) ?? (name.count > longest ? "it has \(name.count) characters" : nil) {
            throw ManagementError(
                "CheckpointNameInvalid", .invalidArgument, "This cannot be a checkpoint's name: \(flaw).",
                action: "Choose a name of 1 to \(longest) characters without control characters.",
                target: String(name.prefix(120)))
        }
    }

    /// As the real module names them: the VM's name and the time.
    static func defaultCheckpointName(of machine: String, isAutomatic: Bool) -> String {
        var now = time(nil)
        var fields = tm()
        localtime_r(&now, &fields)
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &fields)
        let moment = String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let name = "\(isAutomatic ? "Automatic Checkpoint - " : "")\(machine) - (\(moment))"
        return String(name.suffix(VirtualMachineConfiguration.longestName))
    }

    // MARK: While no worker lives

    /// Call under the folder's lock.
    private func makeRestingCheckpoint(
        named name: String, isAutomatic: Bool, in folder: VirtualMachineFolder
    ) throws -> VirtualMachineConfiguration.Checkpoint {
        let old = try folder.readConfiguration()
        var checkpoint = VirtualMachineConfiguration.Checkpoint(
            id: GUID(), name: name, parentId: old.past?.current, creationTime: HostTime.wall(), kind: .standard,
            configuration: old.withoutPast)
        if isAutomatic { checkpoint.isAutomatic = true }
        let forks = try old.forks(of: old, id: checkpoint.id)
        try fork(forks, from: old, in: folder) { new in
            if let memory = old.savedMemory {
                checkpoint.memory = memory
            } else if folder.hasSavedState {
                checkpoint.memory = try folder.keepSavedState(as: checkpoint.id)
            }
            new.add(checkpoint)
        }
        let initiator = CurrentUser.initiator
        _ = try? EventLog(folder: folder.folder).append(
            VirtualMachineEvent(.checkpointMade, message: "Checkpoint “\(name)” made by \(initiator.user).", initiator: initiator))
        return checkpoint
    }

    /// Makes the new images of `forks` and writes the configuration that `change` leaves, all of it or nothing. `old` is as it lies in the
    /// folder.
    func fork(
        _ forks: [DiskFork], from old: VirtualMachineConfiguration, in folder: VirtualMachineFolder,
        _ change: (inout VirtualMachineConfiguration) throws -> Void
    ) throws {
        var announced = old
        announced.announce(forks)
        if announced != old { try folder.write(announced) }
        do {
            for fork in forks {
                try host.withDisks(allowedParents: fork.allowedParents) { try $0.createChild(of: fork.image.parent, at: fork.image.path) }
            }
            var new = announced
            new.follow(forks)
            try change(&new)
            try folder.write(new)
        } catch {
            // Not while the document may still name them.
            if announced == old || (try? folder.write(old)) != nil { for fork in forks { unlink(fork.image.path) } }
            throw error
        }
    }

    // MARK: While it runs

    /// nil: the worker ended before it could be asked.
    private func makeRunningCheckpoint(
        named name: String, _ capture: LiveCapture?, _ configuration: VirtualMachineConfiguration, _ folder: VirtualMachineFolder,
        _ isCancelled: () -> Bool
    ) throws -> (checkpoint: VirtualMachineConfiguration.Checkpoint, figures: CheckpointMade)? {
        let id = GUID()
        let memory = try MemoryFile(id: id, configuration: configuration, folder: folder)
        let request = CheckpointRequest(id: id, name: name, memoryPath: memory.path, kind: capture?.checkpointKind)
        let made: CheckpointMade?
        do {
            made = try askIfRunning(request, seconds: 3_600, descriptors: [memory.file.descriptor], isCancelled: isCancelled)
        } catch let refusal as TransportedError {
            memory.remove()
            throw refusal
        }
        // Without its answer the worker may still be at it, or may have ended behind it: then the file stays, and goes when nothing names it.
        guard let made else {
            if let checkpoint = try self.configuration().checkpoint(id) { return (checkpoint, CheckpointMade()) }
            memory.remove()
            return nil
        }
        guard let checkpoint = try self.configuration().checkpoint(id) else { throw ManagementError.checkpointGone(name) }
        if checkpoint.memory == nil { memory.remove() }
        return (checkpoint, made)
    }
}

/// The file that a worker writes a checkpoint's memory into.
private final class MemoryFile {
    /// As the configuration names it.
    let path: String
    let file: OpenFile
    private let place: Folder
    private let name: String

    init(id: GUID, configuration: VirtualMachineConfiguration, folder: VirtualMachineFolder) throws {
        (place, path) = try folder.memoryPlace(of: id, configuration)
        name = VirtualMachineFolder.memoryName(of: id)
        file = try place.open(name, O_RDWR | O_CREAT | O_EXCL, doing: "make")
    }

    func remove() { try? place.remove(name) }
}

extension ManagementError {
    static func checkpointGone(_ machine: String) -> ManagementError {
        ManagementError(
            "CheckpointNotFound", .objectNotFound, "The checkpoint of “\(machine)” is not there any more.",
            action: "Get-VMSnapshot \(machine) lists those that exist.", target: machine)
    }
}

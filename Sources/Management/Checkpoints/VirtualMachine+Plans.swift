import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// What checkpoints and exports would do to files. Everything that would stand in the way is thrown as if it was tried; nothing changes.
extension VirtualMachine {
    /// What `makeCheckpoint` would do.
    public func planCheckpoint() throws -> [FileStep] {
        let status = try status()
        let configuration = try configuration()
        try checkCheckpointsAllowed(configuration)
        try checkNoDiskSet(configuration, "have checkpoints")
        return try checkpointSteps(configuration, status, kind: configuration.checkpointType)
    }

    private func checkpointSteps(
        _ configuration: VirtualMachineConfiguration, _ status: VirtualMachineStatus, kind: String
    ) throws -> [FileStep] {
        let id = GUID()
        var steps = try configuration.forks(of: configuration, id: id).map { FileStep.write($0.image.path.without(id), bytes: nil) }
        let folder = try files().folder
        let memory =
            (configuration.snapshotFileLocation.map { "\($0)/\(self.id)" } ?? folder.folder.path(of: VirtualMachineFolder.checkpointsName))
            + "/" + VirtualMachineFolder.memoryName(of: id).without(id)
        switch status.state {
        case .off: break
        case .saved: steps.append(.remark("keeps the saved state"))
        default:
            switch kind {
            case "ProductionOnly", LiveCapture.crashConsistent.checkpointKind: break
            case "Production":
                steps.append(
                    .remark("writes memory, up to \(status.memoryAssigned >> 20) MiB, only if the guest cannot freeze its file systems"))
            default: steps.append(.write(memory, bytes: status.memoryAssigned))
            }
        }
        return steps
    }

    /// What `applyCheckpoint` would do.
    public func planRestore(_ id: GUID) throws -> [FileStep] {
        let before = try status()
        let (old, folder) = (try configuration(), try files().folder)
        guard let checkpoint = old.checkpoint(id) else { throw ManagementError.checkpointGone(name) }
        try checkRestorable(checkpoint, folder)
        var steps: [FileStep] = before.state.hasWorker ? [.remark("turns \(old.name) off")] : []
        let mark = GUID()
        let forks = try old.forks(of: checkpoint.configuration, id: mark)
        try checkRoom(for: forks)
        steps += forks.map { .write($0.image.path.without(mark), bytes: nil) }
        if folder.hasSavedState {
            steps.append(
                .delete(
                    folder.folder.path(of: VirtualMachineFolder.savedStateName),
                    bytes: FileStep.bytesOnDisk(folder.folder.path(of: VirtualMachineFolder.savedStateName))))
        }
        var new = old
        new.announce(forks)
        let past = new.past
        new = checkpoint.configuration
        (new.past, new.savedMemory) = (past, checkpoint.memory)
        new.follow(forks)
        new.past?.current = id
        return steps + ImageTree.plan(for: new).map { FileStep($0) }
    }

    /// What `removeCheckpoints` would do.
    public func planRemoval(of ids: Set<GUID>) throws -> [FileStep] {
        let old = try configuration()
        try checkRemovable(ids, of: old)
        var new = old
        new.removeCheckpoints(ids)
        if try !files().folder.hasWorker() { try checkMerges(of: new) }
        let memory = try old.memoryPaths.subtracting(new.memoryPaths).sorted().map { try absolutePath(ofMemory: $0) }
        return ImageTree.plan(for: new).map { FileStep($0) } + memory.map { .delete($0, bytes: FileStep.bytesOnDisk($0)) }
    }

    /// What `export` would do.
    public func planExport(to place: String, capturing capture: LiveCapture) throws -> [FileStep] {
        let (status, configuration) = (try status(), try configuration())
        let path = try ExportFolder.check(place, configuration.name)
        var steps: [FileStep] = []
        if status.state.hasWorker {
            steps = try checkpointSteps(configuration, status, kind: capture.checkpointKind) + [.remark("merges that again afterwards")]
        }
        var wanted = configuration
        let saved = try files().folder.folder.path(of: VirtualMachineFolder.savedStateName)
        if status.state == .saved, configuration.savedMemory == nil { wanted.savedMemory = .init(path: saved) }
        return steps + (try exportSteps(wanted, to: path))
    }

    /// What `exportCheckpoint` would do.
    public func planExport(ofCheckpoint id: GUID, to place: String) throws -> [FileStep] {
        let configuration = try configuration()
        guard let checkpoint = configuration.checkpoint(id) else { throw ManagementError.checkpointGone(name) }
        try checkMemory(of: checkpoint, try files().folder)
        let path = try ExportFolder.check(place, configuration.name)
        var exported = checkpoint.configuration
        exported.savedMemory = checkpoint.memory
        return try exportSteps(exported, to: path)
    }

    /// A copy of every file that the configuration needs, now and at its checkpoints, also of those in use.
    private func exportSteps(_ configuration: VirtualMachineConfiguration, to path: String) throws -> [FileStep] {
        var (steps, known) = ([FileStep](), Set<String>())
        func add(_ source: String, _ folder: String) {
            guard known.insert(source).inserted else { return }
            steps.append(.copy(source, to: "\(path)/\(folder)/\(Paths.name(of: source))", bytes: FileStep.bytesOnDisk(source)))
        }
        for placed in configuration.drives + configuration.checkpoints.flatMap(\.configuration.drives) {
            guard let image = placed.drive.path else { continue }
            let chain = try host.withDisks(allowedParents: placed.drive.allowedParents ?? []) { try $0.chain(of: image) }
            for file in chain { add(file.path, ExportManifest.disksName) }
        }
        for memory in configuration.memoryPaths.sorted() { add(try absolutePath(ofMemory: memory), ExportManifest.memoryName) }
        for one in [configuration] + configuration.checkpoints.map(\.configuration) {
            for boot in [one.firmware.kernelPath, one.firmware.initialRamdiskPath].compactMap(\.self) { add(boot, ExportManifest.bootName) }
        }
        return steps
    }
}

extension VirtualMachineHost {
    /// What `clone` would do for one of the clones.
    public func planClone(_ checkpoint: GUID, of machine: VirtualMachine) throws -> [FileStep] {
        guard let checkpoint = try machine.configuration().checkpoint(checkpoint) else {
            throw ManagementError.checkpointGone(machine.name)
        }
        let folder = try machine.files().folder
        try machine.checkRestorable(checkpoint, folder)
        let id = GUID()
        let place = try existingStore().machinePath(id)
        var copy = checkpoint.configuration
        copy.id = id
        let forks = try copy.forks(of: checkpoint.configuration, id: id, folder: place + "/" + VirtualMachineFolder.disksName)
        let memory = try checkpoint.memory.map { FileStep.remark("goes on from \(try machine.absolutePath(ofMemory: $0.path))") }
        return [.remark("makes \(place.without(id))")] + forks.map { .write($0.image.path.without(id), bytes: nil) }
            + [memory].compactMap(\.self)
    }
}

extension String {
    /// A name that is drawn anew when the work is done.
    func without(_ id: GUID) -> String {
        split(separator: id.description, omittingEmptySubsequences: false).joined(separator: "<id>")
    }
}

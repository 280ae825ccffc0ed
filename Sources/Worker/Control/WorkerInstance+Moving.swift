import Basics
import Glibc
import Persistence
import Storage
import Synchronization
import WorkerProtocol

/// Moves of the running VM's storage. Each becomes true by one rename of the configuration; stopped before that, the VM keeps its files and
/// the copies go.
extension WorkerInstance {
    /// On the moves thread. It has the place of a merge: while it goes on, disks are neither merged nor checkpointed.
    func moveStorage(
        _ request: MoveStorageRequest, _ folders: HandedDevices, by initiator: VirtualMachineEvent.Initiator,
        progress: @escaping @Sendable (Double) -> Bool
    ) throws {
        let machine = try checkpointedMachine()
        let moves = try StorageMove.decode(request.moves)
        let task = MergeTask(isMove: true)
        let isFree = phase.withLock { phase in
            guard phase.merging == nil, !phase.hasEnded else { return false }
            phase.merging = task
            return true
        }
        guard isFree else {
            try refuseWhileMerging("moved")
            throw hasNoGuest()
        }
        defer {
            phase.withLock { if $0.merging === task { $0.merging = nil } }
            task.end()
            startMerging()
        }
        let all = Double(max(1, moves.map(\.size).reduce(0, &+)))
        var before: UInt64 = 0
        for move in moves {
            let (finished, own) = (Double(before), Double(move.size))
            try carryOut(move, machine, folders) { done in
                let fraction = (finished + done * own) / all
                task.progress.withLock { $0 = fraction }
                return progress(fraction) && !task.isCancelled.load(ordering: .acquiring)
            }
            before &+= move.size
            for file in move.files {
                log.note(
                    VirtualMachineEvent(
                        .storageMoved, message: "“\(file.source)” was moved to “\(file.destination)” by \(initiator.user).",
                        initiator: initiator))
            }
        }
    }

    private func carryOut(
        _ move: StorageMove, _ machine: any CheckpointControlling, _ folders: HandedDevices, progress: @escaping @Sendable (Double) -> Bool
    ) throws {
        try changeDocument { configuration in
            guard configuration.admits(move), configuration.past?.merging == nil else {
                throw WorkerError(
                    "InvalidState", .invalidOperation, "The disks or checkpoints of “\(configuration.name)” changed meanwhile.",
                    action: "Repeat the command.", target: configuration.name)
            }
            configuration.announce(move)
        }
        var held: FileLock?
        var made: [StorageMove.File] = []
        do {
            try machine.move(
                move, folders, memoryFolder: try? folder.folder.subfolder(VirtualMachineFolder.checkpointsName), progress: progress,
                didCopy: { made.append($0) },
                // Waiting for it is not for the moment in which the guest waits.
                willSwitch: { held = try self.folder.lockConfiguration() },
                commit: { left in try self.changeDocument(isHeld: true) { $0.complete(move, left: left) } })
        } catch {
            held = nil
            do {
                try changeDocument { $0.moving = nil }
                for file in made.reversed() { machine.removeImage(at: file.destination) }
            } catch let second {
                log.note(
                    VirtualMachineEvent(
                        .notice, level: .warning,
                        message: "Copies of a move that failed stay until the next start: \(TransportedError(second).message)"))
            }
            throw error
        }
        withExtendedLifetime(held) {}
        held = nil
        let places = Dictionary(move.files.map { ($0.source, $0.destination) }) { first, _ in first }
        phase.withLock { phase in phase.memoryBase = phase.memoryBase.map { $0.mapping { places[$0] ?? $0 } } }
        machine.removeSources(of: move, memoryFolder: try? folder.folder.subfolder(VirtualMachineFolder.checkpointsName))
        try changeDocument { $0.moving = nil }
    }

    /// Whoever changes the configuration through us holds its lock from reading it to our answer.
    private func changeDocument(
        isHeld: Bool = false, _ change: (inout VirtualMachineConfiguration) throws -> Void
    ) throws {
        let lock = isHeld ? nil : try folder.lockConfiguration()
        defer { withExtendedLifetime(lock) {} }
        try document.withLock {
            var new = try folder.readConfiguration()
            try change(&new)
            try folder.write(new)
        }
    }
}

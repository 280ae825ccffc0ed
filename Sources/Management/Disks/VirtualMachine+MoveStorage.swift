import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

extension VirtualMachine {
    /// What `moveStorage` would do, in its order; none: everything is where it shall be. Throws what would stand in the way.
    public func planStorageMove(to destinations: StorageDestinations) throws -> [StorageMove] {
        let folder = try files().folder
        var planner = try StoragePlanner(self, try configuration(), folder, destinations)
        return try planner.moves()
    }

    /// Moves the VM's disks and the memory of its checkpoints to other folders, whether it is off, saved or running; the guest of a running
    /// VM goes on. Old files are deleted when the configuration names the new ones, durably. Stopped or cut off, what is not moved by then
    /// is as before, and the next start or move deletes what was half done.
    ///
    /// Errors: `StorageSamePlace` where there is nothing to move, `StorageDestinationExists`, `StorageShared`, `NotEnoughSpace`,
    /// `DisksMerging`, what copying says.
    @discardableResult
    public func moveStorage(
        to destinations: StorageDestinations, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws -> [StorageMove] {
        try checkNoDiskSet(try configuration(), "be moved")
        if try files().folder.hasWorker(), let moves = try moveRunning(to: destinations, isCancelled, progress) { return moves }
        return try writing("moved") { folder in
            try settleMove(folder)
            try tidy(folder, isCancelled: isCancelled)
            let moves = try checkedPlan(destinations)
            let all = Double(max(1, moves.map(\.size).reduce(0, +)))
            var before: UInt64 = 0
            for move in moves {
                let (finished, own) = (Double(before), Double(move.size))
                try carryOut(move, folder, isCancelled) { progress((finished + $0 * own) / all) }
                before += move.size
            }
            progress(1)
            return moves
        }
    }

    private func checkedPlan(_ destinations: StorageDestinations) throws -> [StorageMove] {
        let moves = try planStorageMove(to: destinations)
        guard moves.isEmpty else { return moves }
        throw ManagementError(
            "StorageSamePlace", .invalidArgument, "Everything of “\(name)” that is to be moved lies there already.", target: name)
    }

    // MARK: While it runs

    /// nil: the worker ended before it was asked.
    private func moveRunning(
        to destinations: StorageDestinations, _ isCancelled: @escaping @Sendable () -> Bool,
        _ progress: @escaping @Sendable (Double) -> Void
    ) throws -> [StorageMove]? {
        let moves = try checkedPlan(destinations)
        var (handover, folders) = (DeviceHandover(), [Folder]())
        for path in Set(moves.flatMap(\.files).map { Paths.folder(of: $0.destination) }).sorted() {
            try Folder.make(path: path)
            folders.append(try Folder(path: path))
            handover.folders = (handover.folders ?? []) + [FolderHandover(path: path, descriptor: folders.count - 1)]
        }
        let request = MoveStorageRequest(moves: try StorageMove.encode(moves), handover: handover)
        let answer = try withExtendedLifetime(folders) {
            try askIfRunning(request, seconds: 86_400, descriptors: folders.map(\.descriptor), isCancelled: isCancelled) { event in
                if let told = try? ProtocolCodec.decode(StorageMoveProgress.self, from: event) { progress(told.done) }
            }
        }
        return answer.map { _ in moves }
    }

    // MARK: While no worker lives

    /// Call under the folder's lock.
    private func carryOut(
        _ move: StorageMove, _ folder: VirtualMachineFolder, _ isCancelled: @escaping @Sendable () -> Bool,
        _ progress: @escaping @Sendable (Double) -> Void
    ) throws {
        let old = try folder.readConfiguration()
        guard old.admits(move) else {
            throw ManagementError(
                "InvalidState", .invalidOperation, "The disks of “\(name)” changed meanwhile; repeat the command.", target: name)
        }
        for path in Set(move.files.map { Paths.folder(of: $0.destination) }) { try Folder.make(path: path) }
        var announced = old
        announced.announce(move)
        try folder.write(announced)
        // Nobody changes a file between its copy and the moment from which the copy counts.
        var locks: [HostDiskFile] = []
        defer { for lock in locks { lock.close() } }
        var (made, left) = ([ImagePlace](), [VirtualMachineConfiguration.Moving.Left]())
        do {
            let all = Double(max(1, move.size))
            var before: UInt64 = 0
            for file in move.files {
                let source = try ImagePlace(path: absolutePath(ofMemory: file.source))
                let (finished, own) = (Double(before), Double(file.size))
                let place = try ImagePlace(path: file.destination)
                let isGoingOn: DiskOperations.Progress = {
                    progress((finished + $0 * own) / all)
                    return !isCancelled()
                }
                try host.withDisks(progress: isGoingOn) { disks in
                    locks.append(try source.open(readOnly: true))
                    let format = file.format.flatMap { DiskFormat(rawValue: $0) }
                    let parent = try file.parent.flatMap { path in try format.map { (try ImagePlace(path: path), $0) } }
                    try disks.copyImage(from: source, to: place, on: parent)
                }
                made.append(place)
                if !file.staysAtSource { left.append(.init(path: file.source, file: source.fileNumber ?? 0)) }
                before += file.size
            }
            var new = announced
            new.complete(move, left: left)
            try folder.write(new)
        } catch {
            // Not while the document may name them.
            if (try? folder.write(old)) != nil { for place in made.reversed() { try? place.unlink() } }
            throw error
        }
        for lock in locks { lock.close() }
        locks = []
        let initiator = CurrentUser.initiator
        for file in move.files {
            _ = try? EventLog(folder: folder.folder).append(
                VirtualMachineEvent(
                    .storageMoved, message: "“\(file.source)” was moved to “\(file.destination)” by \(initiator.user).",
                    initiator: initiator))
        }
        try settleMove(folder)
    }

    /// Deletes what a move left, one that was cut off too. Call under the folder's lock.
    func settleMove(_ folder: VirtualMachineFolder) throws {
        var configuration = try folder.readConfiguration()
        guard let moving = configuration.moving else { return }
        for copy in (moving.copies ?? []).reversed() {
            // A folder that is gone keeps nothing.
            guard let place = try? ImagePlace(path: copy.path) else { continue }
            place.unlinkAttempts()
            guard place.exists, try host.users(of: copy.path).isEmpty else { continue }
            if copy.path.hasSuffix(".memory") || DiskOperations.isUnchangedCopy(copy.path, of: copy.source) {
                try place.unlink()
                continue
            }
            // Nothing says that it is not somebody's own.
            _ = try? EventLog(folder: folder.folder).append(
                VirtualMachineEvent(
                    .notice, level: .warning,
                    message: "“\(copy.path)” may be what a move of “\(copy.source)” left that was cut off; this VM does not need it."))
        }
        for left in (moving.left ?? []).reversed() {
            let path = try absolutePath(ofMemory: left.path)
            guard let place = try? ImagePlace(path: path), place.fileNumber == left.file, try host.users(of: path).isEmpty else { continue }
            try place.unlink()
        }
        configuration.moving = nil
        try folder.write(configuration)
    }

    /// Where a file lies that the configuration names: memory may be named from the VM's folder on.
    func absolutePath(ofMemory path: String) throws -> String {
        path.hasPrefix("/") ? path : try files().folder.folder.path(of: path)
    }
}

import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// Moves of a running machine's files.
extension Machine {
    package func move(
        _ move: StorageMove, _ folders: HandedDevices, memoryFolder: Folder?, progress: @escaping @Sendable (Double) -> Bool,
        didCopy: (StorageMove.File) -> Void, willSwitch: () throws -> Void,
        commit: ([VirtualMachineConfiguration.Moving.Left]) throws -> Void
    ) throws {
        let sources = Set(move.files.map(\.source))
        try stack.disks.here(
            where: { _, images in !sources.isDisjoint(with: images) },
            do: {
                try moveHere(
                    move, folders, memoryFolder: memoryFolder, progress: progress, didCopy: didCopy, willSwitch: willSwitch, commit: commit)
            })
    }

    private func moveHere(
        _ move: StorageMove, _ folders: HandedDevices, memoryFolder: Folder?, progress: @escaping @Sendable (Double) -> Bool,
        didCopy: (StorageMove.File) -> Void, willSwitch: () throws -> Void,
        commit: ([VirtualMachineConfiguration.Moving.Left]) throws -> Void
    ) throws {
        for file in move.files { _ = stack.disks.folder(of: file.destination, folders) }
        let written = move.files.filter { file in stack.disks.disk(with: file.source)?.chain.first?.path == file.source }
        let chains = move.files.compactMap { stack.disks.disk(with: $0.source) }
        guard written.count <= 1, chains.allSatisfy({ disk in disk.chain.first?.path == written.first?.source }) else {
            throw WorkerError(
                "InvalidState", .invalidOperation,
                "Several disks of “\(configuration.name)” stand on the same images, which can be moved only while it is off.",
                action: "Stop it first: Stop-VM \(configuration.name)", target: configuration.name)
        }
        // Nobody changes a file between its copy and the moment from which the copy counts.
        var locks: [HostDiskFile] = []
        defer { for lock in locks { lock.close() } }
        let all = Double(max(1, move.size))
        var before: UInt64 = 0
        func part(_ file: StorageMove.File) -> @Sendable (Double) -> Bool {
            let (finished, own) = (Double(before), Double(file.size))
            before &+= file.size
            return { progress((finished + $0 * own) / all) }
        }
        var left: [VirtualMachineConfiguration.Moving.Left] = []
        for file in move.files {
            let source = try place(of: file, memoryFolder)
            if !file.staysAtSource { left.append(.init(path: file.source, file: source.fileNumber ?? 0)) }
            guard file != written.first else { continue }
            locks.append(try source.open(readOnly: true))
            var parent: (ImagePlace, DiskFormat)?
            if let path = file.parent, let format = file.format.flatMap({ DiskFormat(rawValue: $0) }) {
                parent = (try stack.disks.place(of: path) ?? ImagePlace(path: path), format)
            }
            try DiskOperations(progress: part(file)).copyImage(from: source, to: try newPlace(of: file), on: parent)
            didCopy(file)
        }
        guard let file = written.first, let disk = stack.disks.disk(with: file.source) else {
            try willSwitch()
            return try commit(left)
        }
        let places = Dictionary(move.files.map { ($0.source, $0.destination) }) { first, _ in first }
        let parents = try disk.chain.dropFirst().map { image in
            let path = places[image.path] ?? image.path
            return try stack.disks.place(of: path) ?? ImagePlace(path: path)
        }
        try disk.mirror(
            to: try newPlace(of: file), parents: parents, willSwitch: willSwitch, recording: { try commit(left) }, progress: part(file))
    }

    package func removeSources(of move: StorageMove, memoryFolder: Folder?) {
        // What stands on another goes first: what is left of a chain is usable.
        for file in move.files.reversed() where !file.staysAtSource { try? place(of: file, memoryFolder).unlink() }
    }

    private func newPlace(of file: StorageMove.File) throws -> ImagePlace {
        if let place = stack.disks.place(of: file.destination) { return place }
        throw WorkerError(
            "InvalidState", .invalidOperation, "The folder of “\(file.destination)” was not handed over.", target: configuration.name)
    }

    private func place(of file: StorageMove.File, _ memoryFolder: Folder?) throws -> ImagePlace {
        if let place = stack.disks.place(of: file.source) { return place }
        guard file.source.hasPrefix("/") else {
            guard let memoryFolder, let name = file.source.split(separator: "/").last else {
                throw WorkerError("InvalidState", .invalidOperation, "“\(file.source)” is not there.", target: configuration.name)
            }
            let copy = fcntl(memoryFolder.descriptor, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw PersistenceError.system(errno, "open", path: memoryFolder.path) }
            return try ImagePlace(
                folder: ImageFolder(descriptor: copy, path: "/" + VirtualMachineFolder.checkpointsName), name: String(name))
        }
        // A branch on which no disk of the machine stands, or memory in a folder of its own.
        return try ImagePlace(path: file.source)
    }
}

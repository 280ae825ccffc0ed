import Basics
import Persistence
import Storage
import Synchronization
import WorkerProtocol

/// The hard disks of one machine by their places, for what goes on beside the guest's requests: checkpoints and merges.
final class MachineDisks: Sendable {
    private struct Contents {
        var disks: [DrivePlace: LiveDisk] = [:]
        /// Hard disks that processes of their own serve.
        var apart: [DrivePlace: ServedDisk] = [:]
        /// The same with DVDs, in the order of opening.
        var served: [Served] = []
        /// The folders in which images lie, by their paths.
        var folders: [String: ImageFolder] = [:]
    }
    private let contents = Mutex(Contents())
    /// Held while disks are taken over or handed back.
    private let borrowing = HostLock()

    func add(_ disk: LiveDisk, at place: DrivePlace) { contents.withLock { $0.disks[place] = disk } }

    func remove(at place: DrivePlace) { contents.withLock { ($0.disks[place], $0.apart[place]) = (nil, nil) } }

    func disk(at place: DrivePlace) -> LiveDisk? { contents.withLock { $0.disks[place] } }

    /// The disk under which an image lies.
    func disk(with image: String) -> LiveDisk? {
        let all = contents.withLock { Array($0.disks.values) }
        return all.first { $0.chain.contains { $0.path == image } }
    }

    /// The folder of an image as it was handed over with this machine's devices, now or before; nil: it never was.
    func folder(of image: String, _ devices: HandedDevices? = nil) -> ImageFolder? {
        let path = FilePath.folder(of: image)
        if let known = contents.withLock({ $0.folders[path] }) { return known }
        guard let folder = devices?.copyOfFolder(at: path) else { return nil }
        contents.withLock { $0.folders[path] = folder }
        return folder
    }

    /// Where an image of this machine lies; nil: in a folder that was not handed over.
    func place(of image: String) -> ImagePlace? {
        guard let folder = folder(of: image), let name = image.split(separator: "/").last else { return nil }
        return try? ImagePlace(folder: folder, name: String(name))
    }

    private struct Served {
        weak var disk: ServedDisk?
    }

    /// Remembers a disk that a process serves, for what is told of it.
    func add(_ disk: ServedDisk) {
        contents.withLock { contents in
            contents.served.removeAll { $0.disk == nil }
            contents.served.append(Served(disk: disk))
        }
    }

    /// Such a hard disk is at a place from now on.
    func add(_ disk: ServedDisk, at place: DrivePlace) { contents.withLock { $0.apart[place] = disk } }

    /// The processes that serve disks now.
    var services: [ServiceInformation] {
        let all = contents.withLock { $0.served.compactMap(\.disk) }
        return all.compactMap { disk in
            let figures = disk.figures
            guard !figures.isClosed else { return nil }
            var information = ServiceInformation(
                kind: .disk, name: figures.file, processId: figures.process, restarts: figures.restarts,
                lastRestartNanoseconds: figures.lastRestart, exchanges: figures.exchanges)
            (information.messages, information.systemCalls) = (figures.messages, figures.calls)
            return information
        }
    }

    /// Does work on the chains of disks, which this process has open for so long, also those that others serve: `isMeant` says which.
    func here<Result>(
        where isMeant: (_ place: DrivePlace, _ images: [String]) -> Bool, do body: () throws -> Result
    ) throws -> Result {
        var taken: [(place: DrivePlace, disk: ServedDisk)] = []
        defer {
            borrowing.withLock {
                for (place, disk) in taken {
                    disk.handBack()
                    if !disk.isHere { contents.withLock { $0.disks[place] = nil } }
                }
            }
        }
        try borrowing.withLock {
            for (place, disk) in contents.withLock({ $0.apart }) where isMeant(place, disk.images) {
                let live = try disk.takeOver { folder(of: $0) }
                taken.append((place, disk))
                contents.withLock { $0.disks[place] = live }
            }
        }
        return try body()
    }

    func removeAll() { contents.withLock { $0 = Contents() } }
}

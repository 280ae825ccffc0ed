import Basics
import Persistence
import Storage
import Synchronization
import WorkerProtocol

/// The hard disks of one machine by their places, for what goes on beside the guest's requests: checkpoints and merges.
final class MachineDisks: Sendable {
    private struct Contents {
        var disks: [DrivePlace: LiveDisk] = [:]
        /// Those that processes of their own serve, DVDs among them, in the order of opening.
        var served: [Served] = []
        /// The folders in which images lie, by their paths.
        var folders: [String: ImageFolder] = [:]
    }
    private let contents = Mutex(Contents())

    func add(_ disk: LiveDisk, at place: DrivePlace) { contents.withLock { $0.disks[place] = disk } }

    func remove(at place: DrivePlace) { contents.withLock { $0.disks[place] = nil } }

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
        let path: String
        weak var disk: ServedDisk?
    }

    func add(_ disk: ServedDisk, path: String) {
        contents.withLock { contents in
            contents.served.removeAll { $0.disk == nil }
            contents.served.append(Served(path: path, disk: disk))
        }
    }

    /// The processes that serve disks now.
    var services: [ServiceInformation] {
        let all = contents.withLock { $0.served.compactMap { one in one.disk.map { (one.path, $0) } } }
        return all.compactMap { path, disk in
            let figures = disk.figures
            guard !figures.isClosed else { return nil }
            return ServiceInformation(
                kind: .disk, name: path, processId: figures.process, restarts: figures.restarts,
                lastRestartNanoseconds: figures.lastRestart, exchanges: figures.exchanges)
        }
    }

    /// Work on a chain of images is done where its disk is open.
    func refuseWhereServed(_ doing: String, _ machine: String) throws {
        guard !services.isEmpty else { return }
        throw WorkerError(
            "NotSupported", .notImplemented,
            "“\(machine)” cannot be \(doing) while it runs: its architecture is DriverDomain, where other processes have its disks open.",
            action: "Stop-VM \(machine), then repeat the command.", target: machine)
    }

    func removeAll() { contents.withLock { $0 = Contents() } }
}

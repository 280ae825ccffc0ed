import Basics
import Persistence
import Storage
import Synchronization

/// The hard disks of one machine by their places, for what goes on beside the guest's requests: checkpoints and merges.
final class MachineDisks: Sendable {
    private struct Contents {
        var disks: [DrivePlace: LiveDisk] = [:]
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

    func removeAll() { contents.withLock { $0 = Contents() } }
}

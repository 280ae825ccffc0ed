import Basics
import Glibc
import Persistence
import Storage
import Synchronization
import WorkerProtocol

/// The open files that came with a start or a change of configuration. Each is taken once; what nobody took is closed with the last
/// reference, and with it goes its lock.
package final class HandedDevices: Sendable {
    private let handover: DeviceHandover
    private let files: Mutex<[Int: Int32]>

    /// Nothing was handed over.
    package init() {
        handover = DeviceHandover()
        files = Mutex([:])
    }

    /// Takes over `descriptors`, also when it throws.
    package init(_ handover: DeviceHandover, descriptors: [Int32]) throws {
        self.handover = handover
        files = Mutex(Dictionary(uniqueKeysWithValues: descriptors.enumerated().map { ($0.offset, $0.element) }))
        guard handover.uses(exactly: descriptors.count) else {
            throw ProtocolError.malformed("descriptors that do not fit their description")
        }
    }

    /// What was handed over at the start, as the options describe it.
    convenience init(_ options: WorkerOptions) throws {
        guard let descriptor = options[.handover] else {
            self.init()
            return
        }
        let document = OpenFile(descriptor: descriptor, path: "the description of devices")
        let handover = try DeviceHandover(encoded: try document.readAll(limit: 16 << 20))
        var descriptors: [Int32] = []
        while let next = options[.handed(descriptors.count)] { descriptors.append(next) }
        try self.init(handover, descriptors: descriptors)
    }

    deinit { closeAll() }

    /// Closes what nobody has taken.
    package func closeAll() {
        files.withLock { files in
            for descriptor in files.values { close(descriptor) }
            files = [:]
        }
    }

    /// The image chain of a drive, child first; the descriptors are the caller's from here on. nil: none was handed over, or it was
    /// taken before.
    package func takeDisk(controller: GUID, location: Int) -> (disk: DiskHandover, descriptors: [Int32])? {
        guard let disk = handover.disks.first(where: { $0.controller == controller && $0.location == location }) else { return nil }
        return take(disk.chain.map(\.descriptor)).map { (disk, $0) }
    }

    /// The folder of the switch that an adapter is connected to; the descriptor is the caller's from here on.
    package func takePort(adapter: GUID) -> (port: PortHandover, folder: Int32)? {
        guard let port = handover.ports.first(where: { $0.adapter == adapter }), let folder = take([port.descriptor])?.first else {
            return nil
        }
        return (port, folder)
    }

    /// The folder at `path`, if it was handed over, with a descriptor of its own.
    func copyOfFolder(at path: String) -> ImageFolder? {
        guard let number = handover.folders?.first(where: { $0.path == path })?.descriptor else { return nil }
        let copy = files.withLock { $0[number].map { fcntl($0, F_DUPFD_CLOEXEC, 3) } }
        return copy.flatMap { $0 < 0 ? nil : ImageFolder(descriptor: $0, path: path) }
    }

    private func take(_ numbers: [Int]) -> [Int32]? {
        files.withLock { files in
            let found = numbers.compactMap { files[$0] }
            guard found.count == numbers.count, !found.isEmpty else { return nil }
            for number in numbers { files[number] = nil }
            return found
        }
    }
}

import Basics
import CHost
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// Images and switch folders opened in this process for a worker: it gets their descriptors and with them the locks. What is here is
/// closed with the last reference; what a worker has received meanwhile stays open and locked there.
final class OpenedDevices {
    private(set) var handover = DeviceHandover()
    private(set) var descriptors: [Int32] = []
    private var chains: [DiskChain] = []
    private var folders: [OpenFile] = []
    private let host: VirtualMachineHost
    private let machine: String
    /// Seconds in which the process that serves a disk ends after its worker.
    private static let servicePatience = 3.0
    /// Until then a file in use is waited for; 0: it is not.
    private var patienceEnds: UInt64 = 0

    init(host: VirtualMachineHost, machine: String) { (self.host, self.machine) = (host, machine) }

    deinit { for chain in chains { chain.close() } }

    /// Everything that a VM of this configuration needs at its start.
    convenience init(host: VirtualMachineHost, startOf configuration: VirtualMachineConfiguration) throws {
        self.init(host: host, machine: configuration.name)
        // Many disks with long chains are more than the usual soft limit.
        _ = lv_most_descriptors()
        if configuration.architecture == .driverDomain { patienceEnds = WorkerClient.deadline(Self.servicePatience) }
        for placed in configuration.drives { try add(placed.drive, controller: placed.controller) }
        for adapter in configuration.adapters { try add(adapter) }
    }

    /// What a running VM needs for these changes.
    convenience init(host: VirtualMachineHost, changes: [ConfigurationChange], of old: VirtualMachineConfiguration) throws {
        self.init(host: host, machine: old.name)
        for change in changes {
            switch change {
            case .addDrive(let controller, let drive), .changeMedium(let controller, let drive):
                if drive.kind == .hardDisk, let path = drive.path, old.drives.contains(where: { $0.drive.path == path }) {
                    throw ManagementError(
                        "InvalidState", .invalidOperation,
                        "“\(path)” is attached to “\(machine)”, which is running: it can be moved to another place only while it is off.",
                        action: "Remove the drive first, then add it at its new place.", target: machine)
                }
                try add(drive, controller: controller)
            case .addAdapter(let adapter): try add(adapter)
            case .changeAdapter(let before, let after): if before.switchId != after.switchId { try add(after) }
            case .removeDrive, .removeAdapter, .integrationService, .memory, .settings: break
            }
        }
        guard descriptors.count <= ProtocolLimits.descriptors else {
            throw ManagementError(
                "TooManyImages", .invalidArgument,
                "\(descriptors.count) image files at once are too many for a running VM (\(ProtocolLimits.descriptors) are possible).",
                action: "Add the drives one after the other.", target: machine)
        }
    }

    private func add(_ drive: VirtualMachineConfiguration.Drive, controller: GUID) throws {
        guard let path = drive.path else { return }
        let readOnly = drive.kind == .dvd
        let chain = try open(drive, readOnly: readOnly)
        chains.append(chain)
        let files = chain.entries.enumerated().map {
            DiskHandover.ImageFile(descriptor: descriptors.count + $0.offset, path: $0.element.path, format: $0.element.format.rawValue)
        }
        descriptors += chain.entries.map(\.descriptor)
        if drive.kind == .hardDisk { for entry in chain.entries { try addFolder(of: entry.path) } }
        guard !files.isEmpty else { throw ManagementError("DiskNotFound", .objectNotFound, "“\(path)” holds no image.", target: path) }
        handover.disks.append(
            DiskHandover(
                controller: controller, location: drive.location, kind: drive.kind.rawValue, readOnly: readOnly, chain: files))
    }

    /// An image that no VM has, and yet somebody, may be left from a worker that was killed.
    private func open(_ drive: VirtualMachineConfiguration.Drive, readOnly: Bool) throws -> DiskChain {
        while true {
            do {
                return try host.openImage(drive, readOnly: readOnly, for: machine)
            } catch let error as DiskOpenError where error.code == .inUse && HostTime.monotonic() < patienceEnds {
                usleep(10_000)
            }
        }
    }

    /// The folder that an image lies in, once.
    private func addFolder(of image: String) throws {
        let path = Paths.folder(of: image)
        guard handover.folders?.contains(where: { $0.path == path }) != true else { return }
        let folder = try Folder(path: path)
        folders.append(folder.file)
        handover.folders = (handover.folders ?? []) + [FolderHandover(path: path, descriptor: descriptors.count)]
        descriptors.append(folder.descriptor)
    }

    private func add(_ adapter: VirtualMachineConfiguration.NetworkAdapter) throws {
        guard let id = adapter.switchId else { return }
        guard let found = try host.existingStore().switchFolder(id) else {
            throw ManagementError(
                "SwitchNotFound", .objectNotFound,
                "The switch “\(adapter.switchName ?? id.description)” of the network adapter “\(adapter.name)” of “\(machine)” is not there any more.",
                action: "Connect it to another switch (Connect-VMNetworkAdapter) or to none (Disconnect-VMNetworkAdapter).", target: machine
            )
        }
        folders.append(found.folder.file)
        handover.ports.append(PortHandover(adapter: adapter.id, switchId: id, descriptor: descriptors.count))
        descriptors.append(found.folder.descriptor)
    }

    /// The document of the handover as a file for a starting worker, and what else goes with it.
    func roles() throws -> (roles: [WorkerOptions.Role: Int32], document: OpenFile)? {
        guard !descriptors.isEmpty else { return nil }
        let descriptor = lv_memory_file("devices", 0)
        guard descriptor >= 0 else {
            throw ManagementError(
                "WorkerFailed", .resourceUnavailable, "No memory file can be made: \(SystemMessage.text(errno)).", target: machine)
        }
        let document = OpenFile(descriptor: descriptor, path: "the description of devices")
        try document.write(try handover.encoded())
        var roles: [WorkerOptions.Role: Int32] = [.handover: document.descriptor]
        for (number, descriptor) in descriptors.enumerated() { roles[.handed(number)] = descriptor }
        return (roles, document)
    }
}

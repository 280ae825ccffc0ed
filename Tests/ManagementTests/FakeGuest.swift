import Basics
import Glibc
import Persistence
import Synchronization
import Worker
import WorkerProtocol

/// What a `FakeMachine` has instead of a guest and devices: it holds the images it was handed, accepts what it is asked, and remembers it.
final class FakeGuest: Sendable {
    struct Inside {
        /// Open images by controller and location.
        var disks: [String: [Int32]] = [:]
        var changes: [ConfigurationChange] = []
        var keyValues: [String: String] = ["OSName": "Fake OS \u{1b}[2J"]
        var copied: [UInt8] = []
        var resets: UInt64 = 0
        var interrupts = 0
        /// Bytes that an adapter has received.
        var traffic: (adapter: GUID, bytes: UInt64)?
        var reason = ""
        /// Seconds that a look at the guest takes.
        var slowness = 0.0
    }
    let inside = Mutex(Inside())

    deinit { end() }

    func hold(_ configuration: VirtualMachineConfiguration, _ devices: HandedDevices) throws {
        for placed in configuration.drives where placed.drive.path != nil { try hold(placed.controller, placed.drive, devices) }
        for adapter in configuration.adapters where adapter.switchId != nil {
            guard let (_, folder) = devices.takePort(adapter: adapter.id) else { throw FakeMachine.Refused() }
            close(folder)
        }
    }

    private func hold(_ controller: GUID, _ drive: VirtualMachineConfiguration.Drive, _ devices: HandedDevices) throws {
        guard drive.path != nil else { return }
        guard let (disk, descriptors) = devices.takeDisk(controller: controller, location: drive.location) else {
            throw FakeMachine.Refused()
        }
        guard disk.chain.first?.path == drive.path, disk.chain.count == descriptors.count else { throw FakeMachine.Refused() }
        inside.withLock { $0.disks["\(controller)/\(drive.location)"] = descriptors }
    }

    func letGo(_ controller: GUID, _ location: Int) {
        let old = inside.withLock { $0.disks.removeValue(forKey: "\(controller)/\(location)") }
        for descriptor in old ?? [] { close(descriptor) }
    }

    func apply(_ changes: [ConfigurationChange], _ devices: HandedDevices) throws {
        for change in changes {
            switch change {
            case .removeDrive(let controller, let location): letGo(controller, location)
            case .changeMedium(let controller, let drive):
                letGo(controller, drive.location)
                try hold(controller, drive, devices)
            case .addDrive(let controller, let drive): try hold(controller, drive, devices)
            case .changeAdapter(_, let new) where new.name == "refused": throw FakeMachine.Refused()
            default: break
            }
        }
        inside.withLock { $0.changes += changes }
    }

    func end() {
        let disks = inside.withLock { inside in
            defer { inside.disks = [:] }
            return inside.disks
        }
        for descriptor in disks.values.joined() { close(descriptor) }
    }
}

extension FakeMachine: GuestControlling {
    func apply(_ changes: [ConfigurationChange], _ devices: HandedDevices) throws { try guest.apply(changes, devices) }

    func guestInformation() -> GuestInformation {
        usleep(UInt32(guest.inside.withLock { $0.slowness } * 1e6))
        var information = GuestInformation()
        information.heartbeat = "OkApplicationsUnknown"
        information.keyValues = guest.inside.withLock { $0.keyValues }
        information.memory.demand = 33 << 20
        information.memory.isReady = true
        information.integrationServicesVersion = "4.0"
        information.resets = guest.inside.withLock { $0.resets }
        if let (id, bytes) = guest.inside.withLock({ $0.traffic }) {
            var adapter = GuestInformation.Adapter(id: id)
            adapter.receivedBytes = bytes
            information.adapters = [adapter]
        }
        return information
    }

    /// A VM with "silent" in its notes has a guest that never answers, one with "deaf" accepts and goes on.
    func shutDownGuest(_ request: ShutdownRequest) throws {
        guest.inside.withLock { $0.reason = request.reason }
        if configuration.notes == "silent" {
            throw TransportedError(message: "no answer", identifier: "GuestNotResponding", category: .operationTimeout)
        }
        if configuration.notes == "deaf" { return }
        if request.kind == .restart {
            guest.inside.withLock { $0.resets += 1 }
        } else {
            change(.off)
        }
    }

    func change(keyValues: [KeyValueRequest.Change]) throws {
        guest.inside.withLock { inside in
            for change in keyValues {
                switch change {
                case .set(let key, let value): inside.keyValues[key] = value
                case .remove(let key): inside.keyValues[key] = nil
                }
            }
        }
    }

    func configure(ip: IPConfiguration, adapter: GUID) throws {
        throw TransportedError(message: "the guest said 0x80004005", identifier: "GuestRefused", category: .invalidOperation)
    }

    func copyFile(_ request: FileCopyRequest, from descriptor: Int32, progress: (FileCopyProgress) -> Bool) throws {
        var status = stat()
        fstat(descriptor, &status)
        let total = UInt64(status.st_size)
        guard !request.destination.hasPrefix("/proc") else {
            throw TransportedError(message: "cannot be written", identifier: "GuestRefused", category: .writeError)
        }
        var buffer = [UInt8](repeating: 0, count: 6 << 10)
        var done: UInt64 = 0
        while true {
            let count = pread(descriptor, &buffer, buffer.count, off_t(done))
            guard count > 0 else { break }
            guest.inside.withLock { $0.copied += buffer[..<count] }
            done += UInt64(count)
            guard progress(FileCopyProgress(done: done, total: total)) else { throw FakeMachine.Refused() }
        }
    }

    func freeze(_ request: FreezeRequest) throws {}

    func type(_ request: KeyboardRequest) throws {}

    func interrupt() throws { guest.inside.withLock { $0.interrupts += 1 } }

    func isEmpty(_ drive: DrivePlace) -> Bool {
        guest.inside.withLock { $0.disks["\(drive.controller)/\(drive.location)"] == nil }
    }

    /// The guest ejects a medium.
    func eject(_ drive: DrivePlace) {
        guest.letGo(drive.controller, drive.location)
        tell(drive)
    }
}

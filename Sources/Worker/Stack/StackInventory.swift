import Basics
import DeviceModel
import Network
import Persistence
import Services
import Storage
import VMBus

#if canImport(Glibc)
    import Glibc
#endif

/// The synthetic devices of one machine besides the integration services: its controllers and adapters with what stands behind them.
struct StackInventory {
    struct Controller {
        let device: StorageController
        let pump: any MachinePump
    }

    struct Adapter {
        let device: NetworkAdapter
        let pump: any MachinePump
        var port: SwitchPortClient?
    }

    /// In the order of the configuration.
    var controllers: [(id: GUID, controller: Controller)] = []
    var adapters: [(id: GUID, adapter: Adapter)] = []
    /// Of a guest without enlightenments: what its emulated disks stand on.
    var drives: [(place: DrivePlace, drive: EmulatedDrive)] = []

    var units: [any StatefulUnit] {
        controllers.map { $0.controller.device as any StatefulUnit } + adapters.map { $0.adapter.device as any StatefulUnit }
    }

    var pumps: [any MachinePump] { controllers.map(\.controller.pump) + adapters.map(\.adapter.pump) }

    /// Closes images and leaves switches. Precondition: the pumps have ended.
    mutating func close() {
        for (_, controller) in controllers { _ = controller.device.close() }
        for (_, adapter) in adapters { adapter.port?.close() }
        for (_, drive) in drives { try? drive.disk.close() }
        (controllers, adapters, drives) = ([], [], [])
    }
}

extension VirtualizationStack {
    /// Puts the configuration's devices on the bus: one list, each line an offer. Before anything runs.
    func populate(_ configuration: VirtualMachineConfiguration, _ devices: HandedDevices) throws(MachineError) {
        (machineId, machineName) = (configuration.id, configuration.name)
        servesDisksApart = configuration.architecture == .driverDomain
        guard world.architecture.isEnlightened else { return try openDrives(configuration, devices) }
        for service in IntegrationService.allCases where configuration.isEnabled(service) {
            if let device = integration.device(named: service.rawValue) { offer(device) }
        }
        if configuration.consoleSupport ?? true { _ = server.add(integration.keyboard) }
        let dynamic = DynamicMemoryService(settings: configuration.memory.serviceSettings, memory: world.memory, pump: control)
        dynamicMemory = dynamic
        _ = server.add(dynamic)
        if let folder = world.folder { serveSockets(folder) }
        for (number, described) in configuration.controllers.enumerated() {
            let device = makeController(described.id, number: number)
            device.processorsPerChannel = configuration.storage?.virtualProcessorsPerChannel ?? 1
            var targets: [Int: any ScsiTarget] = [:]
            for drive in described.drives {
                let target = try makeTarget(drive, controller: described.id, devices)
                targets[drive.location] = target
                remember(target, at: DrivePlace(controller: described.id, location: drive.location))
            }
            device.setDisks(targets)
            _ = server.add(device)
        }
        for described in configuration.adapters { addAdapter(described, try makePort(described, devices)) }
        tellAdapters()
    }

    /// Tells the key-value service which adapters' addresses to ask the guest for.
    func tellAdapters() {
        let adapters = inventory.adapters.map { GuestAdapter(id: $0.id, macAddress: $0.adapter.device.settings.address) }
        control.perform { integration.keyValueExchange.setAdapters(adapters) }
    }

    /// Puts an integration service on the bus.
    func offer(_ service: IntegrationDevice) {
        guard !offeredServices.contains(service.identity.name), server.add(service) else { return }
        offeredServices.insert(service.identity.name)
    }

    /// Takes an integration service off the bus.
    func withdraw(_ service: IntegrationDevice) {
        guard offeredServices.remove(service.identity.name) != nil else { return }
        server.remove(service, then: {})
    }

    private func serveSockets(_ folder: Int32) {
        let pump = makePump("sockets")
        // What an Exact machine shows its guest comes from its seed.
        let seed = world.seed
        let service = SocketService(
            folder: folder, pump: pump, add: { [server] in server.add($0) }, remove: { [server] in server.remove($0, then: {}) },
            instance: { number in seed.map { SeededGenerator.identifier(seed: $0, number: number) } ?? GUID() })
        if let input = world.input {
            service.onInput = { device, event in
                switch event {
                case .call(let port): input(.socketCall, device, [UInt8](littleEndian: port))
                case .answer(let isTaken): input(.socketAnswer, device, [isTaken ? 1 : 0])
                case .bytes(let bytes): input(.socketBytes, device, bytes)
                case .took(let count): input(.socketTook, device, [UInt8](littleEndian: UInt32(clamping: count)))
                case .end: input(.socketEnd, device, [])
                }
            }
        }
        sockets = (service, pump)
        server.onConnectRequest = { [weak service] request in
            guard let service else { return request.answer(status: SocketService.refusal) }
            service.guestConnects(endpoint: request.endpoint, service: request.service) { request.answer(status: $0) }
        }
        if !pump.perform({ service.start() }) { world.note("The socket for programs of the host cannot be made in the VM's folder.") }
    }

    // MARK: Storage

    private func makeController(_ id: GUID, number: Int) -> StorageController {
        let pump = makePump("scsi \(number)", servesCallers: true)
        let device = StorageController(instance: id, pump: pump)
        device.onTrouble = world.note
        device.queuesRequests = world.exactScheduler == nil
        device.onDiskFull = { [world] location, error in
            let place = "SCSI controller \(number), location \(location)"
            world.diskFull("There is no room for the disk at \(place): \(error.message) Make room, then resume the VM.")
        }
        inventory.controllers.append((id, StackInventory.Controller(device: device, pump: pump)))
        return device
    }

    /// Opens the image that was handed over for a drive; nil where the drive is empty.
    func openImage(_ drive: VirtualMachineConfiguration.Drive, controller: GUID, _ devices: HandedDevices) throws(MachineError) -> (
        any Disk
    )? {
        guard let path = drive.path else { return nil }
        guard let (disk, descriptors) = devices.takeDisk(controller: controller, location: drive.location) else {
            throw MachineError(.assembly, detail: "the configuration changed meanwhile, “\(path)” was not handed over; repeat the command")
        }
        guard disk.chain.first?.path == path || drive.kind == .dvd || DiskFormat.isSet(fileName: path) else {
            for descriptor in descriptors { Glibc.close(descriptor) }
            throw MachineError(.assembly, detail: "the configuration changed meanwhile, “\(path)” was not handed over; repeat the command")
        }
        var chain: [DiskChainEntry] = []
        for (file, descriptor) in zip(disk.chain, descriptors) {
            guard let format = DiskFormat(rawValue: file.format) else { continue }
            chain.append(DiskChainEntry(descriptor: descriptor, path: file.path, format: format))
        }
        guard chain.count == descriptors.count else {
            for descriptor in descriptors { Glibc.close(descriptor) }
            throw MachineError(.assembly, detail: "“\(path)” was handed over in a format that is not known")
        }
        do throws(DiskOpenError) {
            if servesDisksApart {
                // Its folders are needed when work on its chain is done here.
                for image in chain { _ = disks.folder(of: image.path, devices) }
                let served = try ServedDisk(chain, readOnly: disk.readOnly || drive.kind == .dvd, note: world.note)
                disks.add(served)
                return served
            }
            guard drive.kind == .hardDisk else { return try VirtualDisk.open(chain, readOnly: disk.readOnly) }
            return try LiveDisk(chain, folders: chain.map { disks.folder(of: $0.path, devices) }, readOnly: disk.readOnly)
        } catch {
            throw MachineError(.disk, cause: error)
        }
    }

    /// What a drive's LUN answers with.
    func makeTarget(
        _ drive: VirtualMachineConfiguration.Drive, controller: GUID, _ devices: HandedDevices
    ) throws(MachineError) -> any ScsiTarget {
        let disk = try openImage(drive, controller: controller, devices)
        switch drive.kind {
        case .dvd:
            let (target, place) = (ScsiDVD(disk), DrivePlace(controller: controller, location: drive.location))
            target.onEject = { [world] in world.ejected(place) }
            return target
        case .hardDisk:
            guard let disk else { throw MachineError(.assembly, detail: "the hard disk at location \(drive.location) has no image") }
            // A disk without an identity of its own is known by its place.
            var identifier = controller.bytes
            identifier[15] ^= UInt8(truncatingIfNeeded: drive.location)
            return ScsiDisk(disk, fallbackIdentifier: identifier)
        }
    }

    /// A hard disk is at a place from now on.
    func remember(_ target: any ScsiTarget, at place: DrivePlace) {
        let disk = (target as? ScsiDisk)?.disk
        if let live = disk as? LiveDisk { disks.add(live, at: place) }
        if let served = disk as? ServedDisk { disks.add(served, at: place) }
    }

    // MARK: Network

    /// Puts an adapter on the bus, connected to its switch by `port` if it has one.
    func addAdapter(_ described: VirtualMachineConfiguration.NetworkAdapter, _ port: SwitchPortClient?) {
        let pump = makePump("net \(described.id.description.prefix(8))", servesCallers: true)
        let settings = NetworkAdapterSettings(instance: described.id, address: macAddress(described), name: described.name)
        let device = NetworkAdapter(settings, pump: pump)
        device.setPort(logged(port, described.id))
        inventory.adapters.append((described.id, StackInventory.Adapter(device: device, pump: pump, port: port)))
        _ = server.add(device)
    }

    /// A port of the switch whose folder was handed over for the adapter; nil where it is not connected.
    func makePort(
        _ described: VirtualMachineConfiguration.NetworkAdapter, _ devices: HandedDevices
    ) throws(MachineError) -> SwitchPortClient? {
        guard described.switchId != nil else { return nil }
        do {
            // Before the descriptor is taken, which the port owns from its beginning.
            let settings = try portSettings(described)
            guard let (_, folder) = devices.takePort(adapter: described.id) else {
                throw MachineError(
                    .assembly,
                    detail: "the configuration changed meanwhile, the switch of “\(described.name)” was not handed over; repeat the command"
                )
            }
            return try SwitchPortClient(folderDescriptor: folder, settings: settings)
        } catch let error as MachineError { throw error } catch {
            throw MachineError(.network, detail: "“\(described.name)” cannot be connected", cause: error as? any DescribedError)
        }
    }

    /// The port as the adapter uses it: with a log in Exact mode.
    func logged(_ port: SwitchPortClient?, _ adapter: GUID) -> (any NetworkPort)? {
        guard let port, let input = world.input else { return port }
        return LoggedPort(port) { input($0, adapter, $1) }
    }

    func portSettings(_ described: VirtualMachineConfiguration.NetworkAdapter) throws -> PortSettings {
        try PortSettings(adapter: described, virtualMachineId: machineId, virtualMachineName: machineName)
    }

    private func macAddress(_ described: VirtualMachineConfiguration.NetworkAdapter) -> [UInt8] {
        let digits = Array(described.macAddress.utf8.prefix(12))
        return stride(from: 0, to: 12, by: 2).map { position in
            guard position + 2 <= digits.count else { return 0 }
            return UInt8(String(decoding: digits[position..<position + 2], as: UTF8.self), radix: 16) ?? 0
        }
    }

    // MARK: After a pause or a restore

    /// The machine goes on after it stood still: kept requests are repeated, the guest's clock is set right.
    func resumed() {
        control.perform { log(.resumed, [String]()) }
        for (_, controller) in inventory.controllers where controller.device.isHoldingRequest { controller.device.resumeRequests() }
        control.perform { integration.timeSynchronization.resynchronize() }
    }
}

import Basics
import Glibc
import Persistence

extension VirtualMachineHost {
    /// Makes a VM. Errors: `VMNameInvalid`, `VMNameExists`, values out of range, boot files that do not exist, `StoreNotWritable`, `DiskFull`.
    public func create(_ specification: VirtualMachineSpecification) throws -> VirtualMachine {
        let made = try create(all: [specification])
        guard let machine = made.first else { throw ManagementError.notFound(specification.name, nearest: nil) }
        return machine
    }

    /// Makes several VMs; all are checked before the first is made.
    public func create(all specifications: [VirtualMachineSpecification]) throws -> [VirtualMachine] {
        var taken = macAddresses()
        let configurations = try specifications.map { specification in
            let configuration = try configuration(specification, except: taken)
            taken.formUnion(configuration.adapters.map(\.macAddress))
            return configuration
        }
        guard !configurations.isEmpty else { return [] }
        let store = try existingStore()
        try store.locked {
            var taken = try names(in: store)
            for configuration in configurations {
                guard taken.insert(VirtualMachineConfiguration.key(ofName: configuration.name)).inserted else {
                    throw ManagementError.exists(configuration.name)
                }
            }
            let initiator = CurrentUser.initiator
            for configuration in configurations {
                let event = VirtualMachineEvent(.created, message: "Created by \(initiator.user).", initiator: initiator)
                try store.create(configuration, event: event)
            }
        }
        return configurations.map { handle($0.id, name: $0.name) }
    }

    private func configuration(
        _ specification: VirtualMachineSpecification, except taken: Set<String>
    ) throws -> VirtualMachineConfiguration {
        var configuration = VirtualMachineConfiguration(id: GUID(), name: specification.name, creationTime: HostTime.wall())
        configuration.generation = specification.generation
        configuration.notes = specification.notes
        configuration.memory.startupBytes = specification.memoryStartupBytes
        configuration.memory.minimumBytes = min(512 << 20, specification.memoryStartupBytes)
        configuration.processor.count = specification.processorCount
        configuration.firmware = specification.firmware
        configuration.architecture = specification.architecture
        configuration.timeMode = specification.timeMode
        configuration.seed = specification.seed
        try Self.complete(&configuration)
        configuration.controllers = []
        configuration.addController()
        for drive in specification.drives { try configuration.add(drive, controller: 0, location: nil) }
        configuration.addAdapter(named: "Network Adapter", except: taken, within: try settings().macAddressRange)
        configuration.adapters[0].switchId = specification.connectedTo?.id
        configuration.adapters[0].switchName = specification.connectedTo?.name
        try configuration.check()
        if let path = specification.path {
            configuration.filesPath = path
            configuration.snapshotFileLocation = path + "/Snapshots"
            try Folder.make(path: path + "/Snapshots")
        }
        for placed in configuration.drives where placed.drive.path != nil { try checkImage(placed.drive, for: configuration.name) }
        try BootFiles.check(configuration, old: nil)
        return configuration
    }

    /// What a configuration needs beyond what was said: absolute paths, a seed in Exact mode and none in Real mode.
    static func complete(_ configuration: inout VirtualMachineConfiguration) throws {
        configuration.firmware.kernelPath = configuration.firmware.kernelPath.map(Paths.absolute)
        configuration.firmware.initialRamdiskPath = configuration.firmware.initialRamdiskPath.map(Paths.absolute)
        configuration.snapshotFileLocation = configuration.snapshotFileLocation.map(Paths.absolute)
        if configuration.timeMode == .exact, configuration.seed == nil { configuration.seed = UInt64.random(in: 1...UInt64(Int64.max)) }
    }

    /// Keys of all names in use, those of VMs that cannot be read included.
    func names(in store: Store, without except: GUID? = nil) throws -> Set<String> {
        var names: Set<String> = []
        for id in try store.machineIds() where id != except {
            if let name = try name(of: id, in: store) { names.insert(VirtualMachineConfiguration.key(ofName: name)) }
        }
        return names
    }
}

/// The user of this process, as events name it.
enum CurrentUser {
    static var initiator: VirtualMachineEvent.Initiator {
        VirtualMachineEvent.Initiator(user: name, processId: getpid(), program: ProcessIdentity.program(of: getpid()))
    }

    static var name: String { UserNames.name(of: geteuid()) }
}

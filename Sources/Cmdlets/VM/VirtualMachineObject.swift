import Basics
import Management
import Persistence
import WorkerProtocol

/// A virtual machine as scripts see it: a live handle over Management's.
public final class VirtualMachineObject: LiveObject {
    public let machine: VirtualMachine

    public init(_ machine: VirtualMachine) { self.machine = machine }

    public var type: ObjectType { Self.objectType }
    public var identity: String { machine.identity }
    public var displayName: String { machine.name }

    public func snapshot() throws -> Record { record(try machine.status(), groups: Self.groups(machine.host)) }

    /// The store's groups; none when they cannot be read.
    private static func groups(_ host: VirtualMachineHost) -> [VirtualMachineGroup] { (try? host.groups()) ?? [] }

    public func property(_ name: String) throws -> Value {
        switch name {
        case "Id", "VMId": return machine.isPlanned ? try snapshot()[name] ?? .null : .string(machine.id.description)
        case "ComPort1": return .object(ComponentObject.comPort(machine, 1))
        case "ComPort2": return .object(ComponentObject.comPort(machine, 2))
        case "IsDeleted":
            do {
                _ = try machine.status()
                return .boolean(false)
            } catch let error as any DescribedError where error.identifier == "VMNotFound" {
                return .boolean(true)
            }
        default: return try snapshot()[name] ?? .null
        }
    }

    /// All of them in one round; one that was removed meanwhile is a row that says so.
    public func snapshots(of objects: [any LiveObject]) -> [Result<Record, any Error>] {
        let machines = objects.compactMap { ($0 as? VirtualMachineObject)?.machine }
        guard machines.count == objects.count else { return objects.map { object in Result { try object.snapshot() } } }
        let groups = Self.groups(machine.host)
        return zip(machines, machine.host.statuses(of: machines)).map { machine, status in
            status.map { VirtualMachineObject(machine).record($0, groups: groups) }.flatMapError { error in
                guard (error as? any DescribedError)?.identifier == "VMNotFound" else { return .failure(error) }
                var record = Record(typeName: "VirtualMachine", Self.objectType.properties.map { ($0.name, .null) })
                (record["Name"], record["VMName"]) = (.string(machine.name), .string(machine.name))
                (record["Id"], record["VMId"]) = (.string(machine.id.description), .string(machine.id.description))
                (record["IsDeleted"], record["Status"]) = (.boolean(true), .string("Removed"))
                return .success(record)
            }
        }
    }

    private func record(_ status: VirtualMachineStatus, groups: [VirtualMachineGroup]) -> Record {
        let machine = machine
        let configuration = status.configuration
        func bytes(_ value: UInt64?) -> Value { value.map { .integer(Int64(clamping: $0)) } ?? .null }
        func text(_ value: String?) -> Value { value.map { .string($0) } ?? .null }
        func number(_ value: (some BinaryInteger)?) -> Value { value.map { .integer(Int64(clamping: $0)) } ?? .null }
        func time(_ value: Int64?) -> Value { value.map { .time(Timestamp(unixNanoseconds: $0)) } ?? .null }
        func drives(_ kind: VirtualMachineConfiguration.Drive.Kind) -> [Value] {
            (configuration?.drives ?? []).filter { $0.drive.kind == kind }.map { .object(DriveObject(machine, $0)) }
        }
        let operational =
            !status.isResponding ? "CommunicationFailed" : status.state.rawValue.hasSuffix("Critical") ? "SupportingEntityInError" : "Ok"
        let values: [String: Value] = [
            "Name": .string(status.name), "VMName": .string(status.name), "Id": .string(status.id.description),
            "VMId": .string(status.id.description), "State": .string(status.state.rawValue), "CPUUsage": number(status.cpuUsage as Int?),
            "MemoryAssigned": bytes(status.memoryAssigned), "MemoryDemand": .count(status.guest?.memoryDemand ?? 0),
            "MemoryStatus": .string(status.guest?.memoryStatus ?? ""), "Heartbeat": text(status.guest?.heartbeat),
            "IntegrationServicesState": text(status.guest?.integrationServicesState),
            "IntegrationServicesVersion": text(status.guest?.integrationServicesVersion),
            "GuestOperatingSystem": text(status.guest?.keyValues["OSName"]),
            "GuestInformation": status.guest.map { Self.guestRecord($0) } ?? .null,
            "NetworkAdapters": .list((configuration?.adapters ?? []).map { .object(NetworkAdapterObject(machine, $0)) }),
            "HardDrives": .list(drives(.hardDisk)), "DVDDrives": .list(drives(.dvd)),
            "VMIntegrationService": .list(
                configuration == nil ? [] : IntegrationService.allCases.map { .object(IntegrationServiceObject(machine, $0)) }),

            "Uptime": .duration(TimeSpan(ticks: Int64(clamping: status.uptimeNanoseconds / 1_000_000 * 10_000))),
            "Status": .string(status.statusText), "Version": .string(status.version),
            "Generation": number(configuration?.generation), "ProcessorCount": number(configuration?.processor.count),
            "MemoryStartup": bytes(configuration?.memory.startupBytes), "MemoryMinimum": bytes(configuration?.memory.minimumBytes),
            "MemoryMaximum": bytes(configuration?.memory.maximumBytes),
            "DynamicMemoryEnabled": configuration.map { .boolean($0.memory.dynamicMemoryEnabled) } ?? .null,
            "Notes": text(configuration?.notes), "CreationTime": time(configuration?.creationTime),
            "Path": .string(configuration?.filesPath ?? status.path),
            "ConfigurationLocation": .string(status.path), "AutomaticStartAction": text(configuration?.automaticStartAction),
            "AutomaticStartDelay": number(configuration?.automaticStartDelay),
            "AutomaticStopAction": text(configuration?.automaticStopAction), "CheckpointType": text(configuration?.checkpointType),
            "AutomaticCheckpointsEnabled": configuration.map { .boolean($0.automaticCheckpoints ?? false) } ?? .null,
            "SnapshotFileLocation": .string(configuration?.snapshotFileLocation ?? status.path + "/checkpoints"),
            "ParentSnapshotId": configuration?.past?.current.map { .string($0.description) } ?? .null,
            "ParentSnapshotName": text(configuration.flatMap { $0.past?.current.flatMap($0.checkpoint)?.name }),
            "LockOnDisconnect": text(configuration?.lockOnDisconnect), "ComPort1": .object(ComponentObject.comPort(machine, 1)),
            "ComPort2": .object(ComponentObject.comPort(machine, 2)), "OperationalStatus": .list([.string(operational)]),
            "PrimaryOperationalStatus": .string(operational), "StatusDescriptions": .list([.string(status.statusText)]),
            "PrimaryStatusDescription": .string(status.statusText),
            "VirtualMachineType": .string(machine.isPlanned ? "PlannedVirtualMachine" : "RealizedVirtualMachine"),
            "ComputerName": .string(LocalHost.name), "IsDeleted": .boolean(false),
            "WorkerProcessId": number(status.workerProcessId), "PartitionId": number(status.partitionId),
            "Architecture": text((configuration?.architecture ?? .microkernel).rawValue),
            "StartTime": time(status.startTime), "TimeMode": text(configuration?.timeMode.rawValue),
            "Seed": configuration?.seed.map { .integer(Int64(bitPattern: $0)) } ?? .null,
            "PicosecondsPerInstruction": number(configuration?.picosecondsPerInstruction), "Engine": text(status.engine),
            "HasSavedState": .boolean(status.hasSavedState), "IsResponding": .boolean(status.isResponding),
        ]
        var all = values.merging(Self.constants) { value, _ in value }
        all["Groups"] = .list(
            groups.filter { $0.kind == .machines && $0.members.contains(machine.id) }.map { .object(VMGroupObject(machine.host, $0)) })
        all["ResourceMeteringEnabled"] = .boolean(configuration?.metering != nil)
        all["FloppyDrive"] = configuration?.generation == 1 ? .object(ComponentObject.floppyDrive(machine)) : .null
        all["VirtualMachineSubType"] = configuration.map { .string("Generation\($0.generation)") } ?? .null
        return Record(typeName: "VirtualMachine", Self.objectType.properties.map { ($0.name, all[$0.name] ?? .null) })
    }

    /// What is the same of every machine here.
    private static let constants: [String: Value] = [
        "SmartPagingFilePath": .string(""), "SmartPagingFileInUse": .boolean(false), "IsClustered": .boolean(false),
        "NumaNodesCount": .integer(1), "NumaSocketCount": .integer(1), "NumaAligned": .boolean(true),
        "AutomaticCriticalErrorAction": .string("Pause"), "AutomaticCriticalErrorActionTimeout": .integer(30),
        "ReplicationState": .string("Disabled"), "ReplicationHealth": .string("NotApplicable"), "ReplicationMode": .string("None"),
        "FibreChannelHostBusAdapters": .list([]), "GuestControlledCacheTypes": .boolean(false),
        "LowMemoryMappedIoSpace": .integer(0), "HighMemoryMappedIoSpace": .integer(0),
    ]

    /// The pairs of the key-value exchange by their keys.
    private static func guestRecord(_ guest: GuestSummary) -> Value {
        .record(Record(guest.keyValues.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
    }

    public static let objectType = ObjectType(
        name: "VirtualMachine",
        properties: [
            .init("Name", "String", "Name, unique in the store without regard to letter case."),
            .init("State", "VMState", "Off, Starting, Running, Paused, Saved and so on."),
            .init("CPUUsage", "Int32", "Percent of the host's processor time that it used lately."),
            .init("MemoryAssigned", "Int64", "Bytes of host memory given to the guest; 0 when off."),
            .init("MemoryDemand", "Int64", "Bytes that the guest asks for; 0 while it reports nothing."),
            .init("Uptime", "TimeSpan", "How long it has run since its last start, pauses left out."),
            .init("Status", "String", "How it does, in words."),
            .init("Version", "String", "Version of its configuration."),
            .init("Id", "Guid", "Identifier that never changes."),
            .init("VMName", "String", "As Name."),
            .init("VMId", "Guid", "As Id."),
            .init("Generation", "Int32", "1 or 2."),
            .init("ProcessorCount", "Int64", "Number of virtual processors."),
            .init("MemoryStartup", "Int64", "Bytes of memory that it starts with."),
            .init("MemoryMinimum", "Int64", "Least bytes with dynamic memory."),
            .init("MemoryMaximum", "Int64", "Most bytes with dynamic memory."),
            .init("DynamicMemoryEnabled", "Boolean", "Whether its memory may grow and shrink."),
            .init("MemoryStatus", "String", "OK, Low or Warning; empty while the guest reports nothing."),
            .init("Heartbeat", "VMHeartbeatStatus", "Whether its heartbeat is heard; nil when off."),
            .init("IntegrationServicesState", "String", "Whether the guest's services are of the host's version; nil when off."),
            .init("IntegrationServicesVersion", "Version", "Version of the services that the guest agreed to; nil when off."),
            .init("GuestOperatingSystem", "String", "The guest's system, as it names it; nil when it has not said."),
            .init("GuestInformation", "Hashtable", "All that the guest tells through its key-value exchange; nil when off."),
            .init("NetworkAdapters", "VMNetworkAdapter[]", "Its network adapters."),
            .init("HardDrives", "HardDiskDrive[]", "Its hard disk drives."),
            .init("DVDDrives", "DvdDrive[]", "Its DVD drives."),
            .init("VMIntegrationService", "VMIntegrationComponent[]", "Its integration services."),
            .init("Notes", "String", "Free text of its owner."),
            .init("CreationTime", "DateTime", "When it was made."),
            .init("Path", "String", "The folder of its files: where New-VM -Path put them, else its folder in the store."),
            .init("ConfigurationLocation", "String", "Its folder in the store, with its configuration."),
            .init("AutomaticStartAction", "StartAction", "What the host's start does with it."),
            .init("AutomaticStartDelay", "Int32", "Seconds that this waits."),
            .init("AutomaticStopAction", "StopAction", "What the host's shutdown does with it."),
            .init("CheckpointType", "CheckpointType", "Which kind of checkpoints are made of it."),
            .init("AutomaticCheckpointsEnabled", "Boolean", "Whether each start makes a checkpoint."),
            .init("SnapshotFileLocation", "String", "Where the memory of its checkpoints lies."),
            .init("ParentSnapshotId", "Guid", "The checkpoint that its present comes from; nil: none."),
            .init("ParentSnapshotName", "String", "That checkpoint's name."),
            .init("LockOnDisconnect", "OnOffState", "Whether its console locks when the viewer leaves."),
            .init("ComPort1", "VMComPort", "Its first serial port."),
            .init("ComPort2", "VMComPort", "Its second serial port."),
            .init(
                "OperationalStatus", "VMOperationalStatus[]",
                "Ok, CommunicationFailed when its worker does not answer, SupportingEntityInError in a critical state."),
            .init("PrimaryOperationalStatus", "VMOperationalStatus", "The first of OperationalStatus."),
            .init("StatusDescriptions", "String[]", "OperationalStatus in words."),
            .init("PrimaryStatusDescription", "String", "The first of StatusDescriptions."),
            .init("VirtualMachineType", "VirtualMachineType", "RealizedVirtualMachine."),
            .init("ComputerName", "String", "The host it is on."),
            .init("IsDeleted", "Boolean", "Whether it has been removed."),
            .init("WorkerProcessId", "Int32", "Process that runs it; nil when off."),
            .init("PartitionId", "UInt64", "Its partition; nil when off."),
            .init("StartTime", "DateTime", "When it was last started; nil when off."),
            .init("TimeMode", "TimeMode", "Real, or Exact: the same inputs give the same run."),
            .init("Architecture", "Architecture", "Where its devices and services run."),
            .init("Seed", "UInt64", "Exact mode's seed."),
            .init("PicosecondsPerInstruction", "UInt64", "Exact mode: guest time of one instruction."),
            .init("Engine", "ProcessorEngine", "What runs its processors; nil when off."),
            .init("HasSavedState", "Boolean", "Whether a saved state lies in its folder."),
            .init("IsResponding", "Boolean", "False when its worker did not answer in time."),
            .init("Groups", "VMGroup[]", "The groups that it is in."),
            .init("ResourceMeteringEnabled", "Boolean", "Whether what it uses is counted (Measure-VM)."),
            .init("FloppyDrive", "VMFloppyDiskDrive", "Generation 1: its floppy disk drive; else nil."),
            .init("VirtualMachineSubType", "VirtualMachineSubType", "Generation1 or Generation2."),
            .init("SmartPagingFilePath", "String", "Empty: there is no smart paging."),
            .init("SmartPagingFileInUse", "Boolean", "False: there is no smart paging."),
            .init("IsClustered", "Boolean", "False: there are no clusters."),
            .init("NumaNodesCount", "Int32", "NUMA nodes that its guest sees: 1."),
            .init("NumaSocketCount", "Int32", "Sockets that its guest sees: 1."),
            .init("NumaAligned", "Boolean", "True: there is one node."),
            .init("AutomaticCriticalErrorAction", "CriticalErrorAction", "Pause: what a full or lost disk does with it."),
            .init("AutomaticCriticalErrorActionTimeout", "Int32", "Minutes that this would wait; it stays paused."),
            .init("ReplicationState", "VMReplicationState", "Disabled: there is no replication."),
            .init("ReplicationHealth", "VMReplicationHealthState", "NotApplicable: there is no replication."),
            .init("ReplicationMode", "VMReplicationMode", "None: there is no replication."),
            .init("FibreChannelHostBusAdapters", "VMFibreChannelHba[]", "None: there is no Fibre Channel."),
            .init("GuestControlledCacheTypes", "Boolean", "False: no device is assigned to guests."),
            .init("LowMemoryMappedIoSpace", "UInt32", "0: no device is assigned to guests."),
            .init("HighMemoryMappedIoSpace", "UInt64", "0: no device is assigned to guests."),
        ])
}

extension LiveObject {
    /// The virtual machine that a target is or belongs to.
    func virtualMachine() throws -> VirtualMachine {
        if let object = self as? VirtualMachineObject { return object.machine }
        if let object = self as? ComponentObject, let machine = object.machine { return machine }
        if let part = self as? any MachinePart { return part.machine }
        throw ErrorRecord(
            "The \(type.name) “\(displayName)” belongs to no virtual machine.", "VirtualMachineMissing", .invalidArgument,
            target: displayName)
    }
}

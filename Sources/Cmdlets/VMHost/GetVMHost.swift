import Management
import Persistence

extension ObjectType {
    static let vmHost = ObjectType(
        name: "VMHost",
        properties: [
            .init("Name", "String", "Name of this host."),
            .init("LogicalProcessorCount", "Int32", "Processors of the host."),
            .init("MemoryCapacity", "Int64", "Bytes of memory of the host."),
            .init("MemoryAvailable", "Int64", "Bytes of it that are available now."),
            .init("VirtualMachinePath", "String", "Where the folders of virtual machines lie."),
            .init("VirtualHardDiskPath", "String", "Default folder for disks."),
            .init("StorePath", "String", "The store that this session works on."),
            .init("HypervisorType", "String", "Type1: virtual machines are partitions of a hypervisor."),
            .init("Architecture", "String", "Where new machines' devices and services run."),
            .init("ProcessorArchitecture", "String", "Architecture of guests."),
            .init("ProcessorName", "String", "The host processor's own name."),
            .init("OperatingSystem", "String", "The host's kernel and its release."),
            .init("SupportedVmVersions", "String[]", "Versions of configurations that it reads."),
            .init("IovSupport", "Boolean", "False: there are no devices to divide."),
            .init("EnableEnhancedSessionMode", "Boolean", "False: there is no video console."),
            .init("IovSupportReasons", "String[]", "Why there are none."),
            .init("MacAddressMinimum", "String", "The first MAC address that is drawn for a new adapter."),
            .init("MacAddressMaximum", "String", "The last one."),
            .init("ResourceMeteringSaveInterval", "TimeSpan", "How often a running machine's use is written down."),
            .init("NumaSpanningEnabled", "Boolean", "True: the host's kernel chooses the node of each page."),
            .init("HostNumaStatus", "VMHostNumaNode[]", "Its NUMA nodes, as Get-VMHostNumaNode gives them."),
            .init("MaximumStorageMigrations", "UInt32", "Moves of disks at once."),
            .init("MaximumVirtualMachineMigrations", "UInt32", "0: there is no migration."),
            .init("VirtualMachineMigrationEnabled", "Boolean", "False: there is no migration."),
            .init("UseAnyNetworkForMigration", "Boolean", "False: there is no migration."),
            .init("VirtualMachineMigrationAuthenticationType", "MigrationAuthenticationType", "Nil: there is no migration."),
            .init("VirtualMachineMigrationPerformanceOption", "VMMigrationPerformance", "Nil: there is no migration."),
            .init("FullyQualifiedDomainName", "String", "As Name."),
            .init("ComputerName", "String", "As Name."),
        ])
}

extension Cmdlet {
    /// `Get-VMHost`.
    static let getVMHost = Cmdlet(
        "Get", "VMHost", synopsis: "Gets this host: its store, processors and memory, and what kind of hypervisor it is.",
        sets: [.init("ComputerName", isDefault: true, shape: .one), .init("CimSession", shape: .one)],
        parameters: [
            Parameter(
                "ComputerName", .computer, "localhost, . or this host's own name.", sets: ["ComputerName"], position: 0, pipeline: .byValue,
                many: true),
            Parameter(
                "Credential", .any, "Who to be on another host.", sets: ["ComputerName"], position: 1, many: true,
                effect: .refused("remote hosts are not there yet")),
            .cimSession(sets: ["CimSession"], mandatory: true, position: 0, pipeline: .byPropertyName),
        ],
        output: "VMHost",
        examples: [Example("(Get-VMHost).VirtualMachinePath", "Where the folders of virtual machines lie.")],
        body: .perCall { invocation in
            try invocation.emit(.object(ComponentObject.host(invocation.context.host)))
        })
}

extension ComponentObject {
    static func host(_ host: VirtualMachineHost) -> ComponentObject {
        ComponentObject(
            .vmHost, identity: host.storePath, displayName: LocalHost.name, machine: nil,
            read: {
                let information = host.information()
                let settings = try host.settings()
                return Record([
                    ("MacAddressMinimum", .string(settings.macAddressMinimum ?? HostSettings.macAddresses.lowerBound)),
                    ("MacAddressMaximum", .string(settings.macAddressMaximum ?? HostSettings.macAddresses.upperBound)),
                    (
                        "ResourceMeteringSaveInterval",
                        .duration(TimeSpan(seconds: Double(settings.resourceMeteringSaveInterval ?? HostSettings.defaultMeteringInterval)))
                    ),
                    ("NumaSpanningEnabled", .boolean(true)),
                    ("IovSupportReasons", .list([.string("No device of the host is divided among virtual machines here.")])),
                    ("MaximumStorageMigrations", .integer(2)), ("MaximumVirtualMachineMigrations", .integer(0)),
                    ("VirtualMachineMigrationEnabled", .boolean(false)), ("UseAnyNetworkForMigration", .boolean(false)),
                    ("Name", .string(information.computerName)),
                    ("LogicalProcessorCount", .count(information.logicalProcessorCount)),
                    ("MemoryCapacity", .count(information.memoryCapacity)),
                    ("MemoryAvailable", .count(information.memoryAvailable)),
                    ("VirtualMachinePath", .string(information.virtualMachinePath)),
                    ("VirtualHardDiskPath", .string(information.virtualHardDiskPath)),
                    ("StorePath", .string(information.storePath)),
                    ("HypervisorType", .string(information.hypervisorType)),
                    ("Architecture", .string(information.architecture)),
                    ("ProcessorArchitecture", .string(information.processorArchitecture)),
                    ("ProcessorName", .string(information.processorName)),
                    ("OperatingSystem", .string(information.operatingSystem)),
                    ("SupportedVmVersions", .list([.string("1.0")])), ("IovSupport", .boolean(false)),
                    ("EnableEnhancedSessionMode", .boolean(false)),
                    ("FullyQualifiedDomainName", .string(information.computerName)),
                    ("ComputerName", .string(information.computerName)),
                ])
            },
            readOne: { name in
                // A look at the processors takes a tenth of a second.
                name == "HostNumaStatus" ? .list(host.numaNodes().map(\.value)) : nil
            })
    }
}

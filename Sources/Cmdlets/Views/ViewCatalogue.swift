/// The views of all types that have one: the real module's default columns where the module has the type.
public enum ViewCatalogue {
    /// The view of a type; nil: its objects are shown by their properties.
    public static func view(of typeName: String) -> View? { views[typeName] }

    private static let views: [String: View] = Dictionary(
        uniqueKeysWithValues: (hostViews + [
            View(
                "VirtualMachine",
                [
                    .property("Name"), .state("State"), .property("CPUUsage", label: "CPUUsage(%)", right: true),
                    .mebibytes("MemoryAssigned", label: "MemoryAssigned(M)"), .property("Uptime", right: true), .property("Status"),
                    .property("Version"),
                ]),
            View(
                "VMProcessor",
                [
                    .property("VMName"), .property("Count", right: true), .property("Engine"),
                    .property("CompatibilityForMigrationEnabled"), .property("CompatibilityForOlderOperatingSystemsEnabled"),
                ]),
            View(
                "VMMemory",
                [
                    .property("VMName"), .property("DynamicMemoryEnabled"), .mebibytes("Minimum", label: "Minimum(M)"),
                    .mebibytes("Startup", label: "Startup(M)"), .mebibytes("Maximum", label: "Maximum(M)"),
                ]),
            View(
                "HardDiskDrive",
                [
                    .property("VMName"), .property("ControllerType"), .property("ControllerNumber", right: true),
                    .property("ControllerLocation", right: true), .property("DiskNumber", right: true), .property("Path"),
                ]),
            View(
                "DvdDrive",
                [
                    .property("VMName"), .property("ControllerType"), .property("ControllerNumber", right: true),
                    .property("ControllerLocation", right: true), .property("DvdMediaType"), .property("Path"),
                ]),
            View(
                "VMSnapshot",
                [
                    .property("VMName"), .property("Name"), .property("SnapshotType"), .property("CreationTime"),
                    .property("ParentSnapshotName"),
                ]),
            View(
                "VMFile",
                [
                    .property("VMName"), .property("Kind"), .property("Checkpoint"), .mebibytes("Size", label: "Size(M)"),
                    .property("Exists"), .property("Path"),
                ]),
            View("VMIncompatibility", [.property("MessageId"), .property("Source"), .property("Message")]),
            View("VMScsiController", [.property("VMName"), .property("ControllerNumber", right: true), .property("Drives")]),
            View(
                "VMNetworkAdapter",
                [
                    .property("Name"), .property("IsManagementOs"), .property("VMName"), .property("SwitchName"), .property("MacAddress"),
                    .property("Status"), .property("IPAddresses"),
                ]),
            View(
                "VMNetworkAdapterVlanSetting",
                [.property("VMName"), .property("VMNetworkAdapterName"), .property("Mode"), .property("VlanList")]),
            View(
                "VMNetworkAdapterAclSetting",
                [
                    .property("VMName"), .property("AdapterName"), .property("Direction"), .property("Address"), .property("Action"),
                    .property("MeteredMegabytes", right: true),
                ]),
            View(
                "VMIntegrationComponent",
                [
                    .property("VMName"), .property("Name"), .property("Enabled"), .property("PrimaryStatusDescription"),
                    .property("SecondaryStatusDescription"),
                ]),
            View("VMComPort", [.property("VMName"), .property("Name"), .property("Path")]),
            View(
                "VMFirmware",
                [
                    .property("VMName"), .property("SecureBoot"), .property("KernelPath"), .property("InitialRamdiskPath"),
                    .property("KernelArguments"),
                ]),
            View(
                "VMHost",
                [
                    .property("Name"), .property("LogicalProcessorCount", right: true),
                    .mebibytes("MemoryCapacity", label: "MemoryCapacity(M)"), .property("VirtualMachinePath"),
                    .property("VirtualHardDiskPath"),
                ]),
            View(
                "Partition",
                [
                    .property("Id", right: true), .property("ParentId", right: true), .property("Name"), .property("State"),
                    .property("VirtualProcessorCount", label: "VPs", right: true), .mebibytes("Memory", label: "Memory(M)"),
                    .property("Hypercalls", right: true), .property("InterceptCount", label: "Intercepts", right: true),
                    .property("RunTime", right: true),
                ]),
            View(
                "VirtualProcessor",
                [
                    .property("VMName"), .property("Index", right: true), .property("RunState"),
                    .property("InstructionsRetired", right: true), .property("RunTime", right: true),
                ]),
            View(
                "FaultFinding",
                [
                    .property("VMName"), .property("Architecture"), .property("Service"), .property("Fault"), .property("IsTarget"),
                    .property("Survived"), .property("FailedRequests", right: true), .property("CameBack"),
                    .property("Recovery", right: true),
                ]),
            View(
                "ArchitectureComparison",
                [
                    .property("Architecture"), .property("Work"), .property("Latency", right: true), .property("CpuTime", right: true),
                    .property("RelativeLatency", right: true), .property("RelativeCpuTime", right: true),
                    .property("GuestToHypervisor", right: true), .property("HypervisorToParent", right: true),
                    .property("ProcessToProcess", right: true), .property("SystemCalls", right: true),
                ]),
            View(
                "TrustedPart",
                [
                    .property("Architecture"), .property("Process"), .property("Number"), .property("Lines", right: true),
                    .property("Reach"),
                ]),
            View(
                "VMService",
                [
                    .property("VMName"), .property("Kind"), .property("ProcessId", right: true), .property("RestartCount", right: true),
                    .property("LastRestart", right: true), .property("Requests", right: true), .property("Name"),
                ]),
            View(
                "VMEvent",
                [
                    .property("Time"), .property("VMName"), .property("Level"), .property("Kind"), .property("User"), .property("Message"),
                ]),
            View(
                "CmdletInfo",
                [
                    .property("Name"),
                    .init("Aliases") { ($0["Aliases"]?.elements ?? []).map(\.text).joined(separator: ", ") }, .property("Synopsis"),
                ]),
            View("VMKeyValuePair", [.property("VMName"), .property("Pool"), .property("Key"), .property("Value")]),
            View("VMSwitch", [.property("Name"), .property("SwitchType"), .property("NetAdapterInterfaceDescription")]),
            View(
                "NetNatStaticMapping",
                [
                    .property("StaticMappingID", right: true), .property("NatName"), .property("Protocol"), .property("ExternalIPAddress"),
                    .property("ExternalPort", right: true), .property("InternalIPAddress"), .property("InternalPort", right: true),
                    .property("Active"),
                ]),
            View(
                "VirtualHardDisk",
                [
                    .property("Path"), .property("VhdFormat"), .property("VhdType"), .mebibytes("Size", label: "Size(M)"),
                    .mebibytes("FileSize", label: "FileSize(M)"), .property("ParentPath"),
                ]),
            View(
                "Job",
                [
                    .property("Id", right: true), .property("Name"), .property("PSJobTypeName"), .state("State"),
                    .property("HasMoreData"), .property("Location"), .property("Command"),
                ]),
            View(
                "FileInfo",
                [.property("Mode"), .property("LastWriteTime"), .property("Length", right: true), .property("Name")]),
            View("HistoryInfo", [.property("Id", right: true), .property("Duration", right: true), .property("CommandLine")]),
            View("MatchInfo", [.property("Filename"), .property("LineNumber", right: true), .property("Line")]),
            View("AliasInfo", [.property("Name"), .property("Definition")]),
            View("MemberDefinition", [.property("Name"), .property("MemberType"), .property("Definition"), .property("Summary")]),
            View("GroupInfo", [.property("Count", right: true), .property("Name"), .property("Group")]),
        ]).map { ($0.typeName, $0) })
}

extension ViewCatalogue {
    /// Views of what belongs to the host, and of what machines of generation 1 have.
    static let hostViews: [View] = [
        View(
            "VMGroup",
            [.property("Name"), .property("InstanceId"), .property("GroupType"), .property("VMMembers"), .property("VMGroupMembers")]),
        View(
            "VMMeteringReportForVirtualMachine",
            [
                .property("VMName"), .property("AverageProcessorUsage", label: "AvgCPU(MHz)", right: true),
                .property("AverageMemoryUsage", label: "AvgRAM(M)", right: true),
                .property("MaximumMemoryUsage", label: "MaxRAM(M)", right: true),
                .property("MinimumMemoryUsage", label: "MinRAM(M)", right: true),
                .property("TotalDiskAllocation", label: "TotalDisk(M)", right: true),
                .init("NetworkInbound(M)", right: true) { traffic($0, "Inbound") },
                .init("NetworkOutbound(M)", right: true) { traffic($0, "Outbound") },
            ]),
        View("VMBios", [.property("VMName"), .property("StartupOrder"), .property("NumLockEnabled")]),
        View("VMFloppyDiskDrive", [.property("VMName"), .property("Path")]),
        View(
            "VMHostNumaNode",
            [
                .property("NodeId", right: true), .property("MemoryTotal", label: "MemoryTotal(M)", right: true),
                .property("MemoryAvailable", label: "MemoryAvailable(M)", right: true), .property("ProcessorsAvailability"),
            ]),
        View(
            "VMNumaNodeStatus",
            [.property("NodeId", right: true), .property("VMName"), .property("MemoryUsed", label: "MemoryUsed(M)", right: true)]),
        View(
            "VMNetworkAdapterExtendedAclSetting",
            [
                .property("VMName"), .property("AdapterName"), .property("Direction"), .property("Action"),
                .property("Weight", right: true),
                .property("Protocol"), .property("LocalIPAddress"), .property("LocalPort"), .property("RemoteIPAddress"),
                .property("RemotePort"), .property("Stateful"),
            ]),
        View(
            "VMResourcePool",
            [.property("Name"), .property("ResourcePoolType"), .property("ParentName"), .property("ResourceMeteringEnabled")]),
        View(
            "VMSwitchTeam",
            [
                .property("Name"), .property("Id"), .property("NetAdapterInterfaceDescription"), .property("TeamingMode"),
                .property("LoadBalancingAlgorithm"),
            ]),
        View(
            "VMNetworkAdapterTeamMappingSetting",
            [.property("VMNetworkAdapterName"), .property("NetAdapterName"), .property("ParentAdapter")]),
        View(
            "VMNetworkAdapterIsolationSetting",
            [
                .property("VMName"), .property("VMNetworkAdapterName"), .property("IsolationMode"),
                .property("DefaultIsolationID", right: true), .property("MultiTenantStack"), .property("AllowUntaggedTraffic"),
            ]),
        View(
            "VMNetworkAdapterRoutingDomainSetting",
            [
                .property("VMName"), .property("AdapterName"), .property("RoutingDomainName"), .property("RoutingDomainID"),
                .property("IsolationID"),
            ]),
        View(
            "VMSwitchExtension",
            [
                .property("SwitchName"), .property("Name"), .property("ExtensionType"), .property("Enabled"), .property("Running"),
                .property("Path"),
            ]),
        View("VMSystemSwitchExtension", [.property("Name"), .property("Vendor"), .property("Version"), .property("ExtensionType")]),
        View(
            "VMStorageSetting",
            [
                .property("VMName"), .property("ThreadCountPerChannel"), .property("VirtualProcessorsPerChannel", right: true),
                .property("DisableInterruptBatching"),
            ]),
        View("VHDSnapshotInfo", [.property("SnapshotId"), .property("CreationTime"), .property("FilePath"), .property("SnapshotPath")]),
        View("VMStorageResourcePool", [.property("Path"), .property("Name"), .property("ResourcePoolType")]),
        View("VMHostSupportedVersion", [.property("Name"), .property("Version"), .property("IsDefault")]),
    ]

    /// Megabytes of one direction in a metering report.
    private static func traffic(_ report: Record, _ direction: String) -> String {
        let sum = (report["NetworkMeteredTrafficReport"]?.elements ?? []).reduce(Int64(0)) { sum, line in
            guard case .record(let line) = line, line["Direction"]?.text == direction else { return sum }
            return sum + (line["TotalTraffic"]?.integerValue ?? 0)
        }
        return String(sum)
    }
}

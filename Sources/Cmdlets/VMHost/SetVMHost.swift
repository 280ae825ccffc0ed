import Management

extension Cmdlet {
    /// `Set-VMHost`.
    static let setVMHost = Cmdlet(
        "Set", "VMHost", synopsis: "Sets where this store's new disks go.",
        details: "New-VM -NewVHDPath with a name alone, and Import-VM -Copy, put disks into -VirtualHardDiskPath.",
        departures: ["Configurations lie in the store: -VirtualMachinePath is refused."],
        sets: [.init("ComputerName", isDefault: true, shape: setVMHostShape), .init("CimSession", shape: .nothing)],
        parameters: [
            Parameter("ComputerName", .computer, "localhost, . or this host's own name.", sets: ["ComputerName"], position: 0, many: true),
            Parameter(
                "Credential", .any, "Who to be on another host.", sets: ["ComputerName"], position: 1, many: true,
                effect: .refused("remote hosts are not there yet")),
            Parameter(
                "CimSession", .any, "A session on another host.", sets: ["CimSession"], mandatory: true, position: 0,
                pipeline: .byPropertyName,
                many: true, effect: .refused("remote hosts are not there yet")),
            Parameter("VirtualHardDiskPath", .path, "The folder for new disks; it must be there.", completion: .path),
            Parameter(
                "VirtualMachinePath", .path, "The folder for configurations.",
                effect: .refused("configurations lie in the store; choose another store with --store")),
            .passthru,
        ]
            + [
                ("MaximumStorageMigrations", "How many disks move at once."),
                ("MaximumVirtualMachineMigrations", "How many machines move at once."),
                ("VirtualMachineMigrationAuthenticationType", "How hosts know each other."),
                ("UseAnyNetworkForMigration", "Whether machines move over any network."),
                ("VirtualMachineMigrationPerformanceOption", "How memory moves."),
            ].map { Parameter($0.0, .any, $0.1, effect: .refused("there is no migration yet")) }
            + [
                ("ResourceMeteringSaveInterval", "How often metering is written down."),
                ("MacAddressMaximum", "The last MAC address that is drawn."),
                ("MacAddressMinimum", "The first MAC address that is drawn."), ("FibreChannelWwnn", "A Fibre Channel node's name."),
                ("FibreChannelWwpnMaximum", "The last Fibre Channel port's name."),
                ("FibreChannelWwpnMinimum", "The first Fibre Channel port's name."),
                ("NumaSpanningEnabled", "Whether memory may come from several nodes."),
                ("EnableEnhancedSessionMode", "Whether sessions use the guest's remote desktop."),
            ].map { Parameter($0.0, .any, $0.1, effect: .refused("it is not there yet")) },
        output: "VMHost",
        examples: [Example("Set-VMHost -VirtualHardDiskPath /srv/disks", "New disks go there.")],
        shouldProcess: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            if let path = invocation.string("VirtualHardDiskPath") {
                guard try invocation.shouldProcess(host.storePath, "Set-VMHost") else { return }
                try host.setVirtualHardDiskPath(path)
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.host(host))) }
        })

    private static let setVMHostShape = Shape.computed("the host with -Passthru, else nothing") { $0.isGiven("Passthru") ? .one : .nothing }
}

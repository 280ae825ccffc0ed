import Management

extension Cmdlet {
    /// `Set-VMHost`.
    static let setVMHost = Cmdlet(
        "Set", "VMHost", synopsis: "Sets where this store's new machines and disks go, and what is drawn for them.",
        details:
            "New-VM -NewVHDPath with a name alone, and Import-VM -Copy, put disks into -VirtualHardDiskPath. With -VirtualMachinePath each new machine gets a folder in it, as by New-VM -Path.",
        departures: ["Configurations lie in the store in any case."],
        sets: [.init("ComputerName", isDefault: true, shape: setVMHostShape), .init("CimSession", shape: setVMHostShape)],
        parameters: [
            Parameter("ComputerName", .computer, "localhost, . or this host's own name.", sets: ["ComputerName"], position: 0, many: true),
            Parameter(
                "Credential", .any, "Who to be on another host.", sets: ["ComputerName"], position: 1, many: true,
                effect: .refused("remote hosts are not there yet")),
            .cimSession(sets: ["CimSession"], mandatory: true, position: 0, pipeline: .byPropertyName),
            Parameter("VirtualHardDiskPath", .path, "The folder for new disks; it must be there.", completion: .path),
            Parameter(
                "VirtualMachinePath", .path, "The folder in which new machines get theirs; it must be there.", completion: .path),
            Parameter("MacAddressMinimum", .string, "The first MAC address that is drawn for a new adapter."),
            Parameter("MacAddressMaximum", .string, "The last one; when all are taken, any that begins with 00155D."),
            Parameter("ResourceMeteringSaveInterval", .timeSpan, "How often a running machine's use is written down, one second to a day."),
            .architecture,
            Parameter(
                "NumaSpanningEnabled", .boolean, "Whether memory may come from several nodes.",
                effect: .noEffect("the host's kernel chooses the node of each page")),
            Parameter(
                "EnableEnhancedSessionMode", .boolean, "Whether sessions use the guest's remote desktop.",
                effect: .noEffect("there is no video console")),
            .passthru,
        ]
            + [
                ("MaximumStorageMigrations", .integer(0...Int64(UInt32.max)), "How many disks move at once."),
                ("MaximumVirtualMachineMigrations", .integer(0...Int64(UInt32.max)), "How many machines move at once."),
                (
                    "VirtualMachineMigrationAuthenticationType", .enumeration("MigrationAuthenticationType", ["CredSSP", "Kerberos"]),
                    "How hosts know each other."
                ),
                ("UseAnyNetworkForMigration", .boolean, "Whether machines move over any network."),
                (
                    "VirtualMachineMigrationPerformanceOption", .enumeration("VMMigrationPerformance", ["TCPIP", "Compression", "SMB"]),
                    "How memory moves."
                ),
            ].map { (name: String, type: ParameterType, summary: String) in
                Parameter(name, type, summary, effect: .refused("there is no migration yet"))
            }
            + [
                ("FibreChannelWwnn", "A Fibre Channel node's name."), ("FibreChannelWwpnMaximum", "The last Fibre Channel port's name."),
                ("FibreChannelWwpnMinimum", "The first Fibre Channel port's name."),
            ].map { Parameter($0.0, .string, $0.1, effect: .refused("there is no Fibre Channel here")) },
        output: "VMHost",
        examples: [
            Example("Set-VMHost -VirtualHardDiskPath /srv/disks", "New disks go there."),
            Example(
                "Set-VMHost -MacAddressMinimum 00155D100000 -MacAddressMaximum 00155D1000FF", "256 addresses for this host's machines."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            let settings = [
                "VirtualHardDiskPath", "VirtualMachinePath", "MacAddressMinimum", "MacAddressMaximum", "ResourceMeteringSaveInterval",
                "Architecture",
            ]
            if settings.contains(where: invocation.isGiven) {
                guard try invocation.shouldProcess(host.storePath, "Set-VMHost") else { return }
                let (minimum, maximum) = (try invocation.macAddress("MacAddressMinimum"), try invocation.macAddress("MacAddressMaximum"))
                try host.configure { settings in
                    if let path = invocation.string("VirtualHardDiskPath") { settings.virtualHardDiskPath = path }
                    if let path = invocation.string("VirtualMachinePath") { settings.virtualMachinePath = path }
                    if let architecture = invocation.architecture() { settings.architecture = architecture }
                    if let minimum { settings.macAddressMinimum = minimum }
                    if let maximum { settings.macAddressMaximum = maximum }
                    if let interval = try invocation.saveInterval() { settings.resourceMeteringSaveInterval = interval }
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.host(host))) }
        })

    private static let setVMHostShape = Shape.computed("the host with -Passthru, else nothing") { $0.isGiven("Passthru") ? .one : .nothing }
}

extension Invocation {
    /// -ResourceMeteringSaveInterval in seconds.
    fileprivate func saveInterval() throws -> Int? {
        guard case .duration(let interval)? = argument("ResourceMeteringSaveInterval") else { return nil }
        let seconds = interval.ticks / 10_000_000
        guard (1...86_400).contains(seconds) else {
            throw ErrorRecord(
                "Set-VMHost -ResourceMeteringSaveInterval takes one second to a day, not \(interval).", "ArgumentOutOfRange",
                .invalidArgument, action: "Give it as 00:10:00, for ten minutes.", cmdlet: "Set-VMHost")
        }
        return Int(seconds)
    }
}

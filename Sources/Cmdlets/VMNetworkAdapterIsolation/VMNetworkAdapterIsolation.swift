import Persistence

extension Cmdlet {
    /// `Get-VMNetworkAdapterIsolation`.
    static let getVMNetworkAdapterIsolation = Cmdlet(
        "Get", "VMNetworkAdapterIsolation", synopsis: "Gets how network adapters keep networks apart.",
        details: "Without a machine it gives those of all.",
        sets: ["VMName", "VMSnapshot", "ResourceObject", "ManagementOS", "VMObject"].map {
            .init($0, isDefault: $0 == "VMName", shape: .many)
        },
        parameters: Parameter.adapterMachines(mandatory: false) + [.vmSnapshot, .vmNetworkAdapter(many: true), .longAdapterName],
        output: "VMNetworkAdapterIsolationSetting",
        examples: [Example("Get-VMNetworkAdapterIsolation web01", "How web01's adapters are isolated.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            try invocation.emitIsolation(of: target)
        })

    /// `Set-VMNetworkAdapterIsolation`.
    static let setVMNetworkAdapterIsolation = Cmdlet(
        "Set", "VMNetworkAdapterIsolation", synopsis: "Keeps the networks of network adapters apart by VLAN ids.",
        details:
            "-IsolationMode Vlan puts the adapter into the VLAN -DefaultIsolationID. With -MultiTenantStack On the guest tags its frames itself with the ids of its routing domains (Add-VMNetworkAdapterRoutingDomainMapping), and untagged ones pass only with -AllowUntaggedTraffic $true. An adapter has this or a VLAN (Set-VMNetworkAdapterVlan), not both.",
        departures: ["NativeVirtualSubnet and ExternalVirtualSubnet are errors: there is no network virtualization."],
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines() + [
            .vmNetworkAdapter(many: true), .longAdapterName,
            Parameter(
                "IsolationMode",
                .enumeration("VMNetworkAdapterIsolationMode", ["None", "NativeVirtualSubnet", "ExternalVirtualSubnet", "Vlan"]),
                "None or Vlan."),
            Parameter("AllowUntaggedTraffic", .boolean, "Whether untagged frames pass where the guest tags by itself."),
            Parameter("DefaultIsolationID", .integer(0...16_777_215), "The VLAN of untagged frames, 1 to 4094; 0: the untagged network."),
            Parameter("MultiTenantStack", .enumeration("OnOffState", ["On", "Off"]), "Whether the guest tags its frames itself."),
            .passthru,
        ],
        output: "VMNetworkAdapterIsolationSetting",
        examples: [
            Example("Set-VMNetworkAdapterIsolation web01 -IsolationMode Vlan -DefaultIsolationID 100", "web01 is in VLAN 100."),
            Example("Set-VMNetworkAdapterIsolation web01 -IsolationMode None", "It is in the untagged network again."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            let mode = invocation.string("IsolationMode")
            if let mode, mode.hasSuffix("Subnet") {
                throw ErrorRecord(
                    "Set-VMNetworkAdapterIsolation -IsolationMode \(mode): there is no network virtualization here.",
                    "IsolationModeInvalid", .notImplemented, target: target.displayName, action: "Use Vlan.",
                    cmdlet: "Set-VMNetworkAdapterIsolation")
            }
            try invocation.changeEachAdapter(of: target) { adapter in
                guard mode != "None" else {
                    adapter.isolation = nil
                    return
                }
                guard var isolation = adapter.isolation ?? (mode == "Vlan" ? .init() : nil) else {
                    throw ErrorRecord(
                        "The adapter “\(adapter.name)” is not isolated.", "IsolationModeInvalid", .invalidOperation, target: adapter.name,
                        action: "Add -IsolationMode Vlan.", cmdlet: "Set-VMNetworkAdapterIsolation")
                }
                if let id = invocation.number("DefaultIsolationID") { isolation.defaultId = id }
                if let allows = invocation.argument("AllowUntaggedTraffic")?.booleanValue { isolation.allowsUntagged = allows }
                if let state = invocation.onOff("MultiTenantStack") { isolation.isMultiTenant = state }
                adapter.isolation = isolation
            }
            if invocation.isOn("Passthru") { try invocation.emitIsolation(of: target) }
        })
}

extension Invocation {
    fileprivate func emitIsolation(of target: any LiveObject) throws {
        try forEachAdapter(of: target) { parent, name, adapter in
            let isolation = adapter.isolation ?? .init()
            try emit(
                setting(
                    "VMNetworkAdapterIsolationSetting", parent, name,
                    [
                        ("IsolationMode", .string(adapter.isolation == nil ? "None" : "Vlan")),
                        ("AllowUntaggedTraffic", .boolean(isolation.allowsUntagged)), ("DefaultIsolationID", .count(isolation.defaultId)),
                        ("MultiTenantStack", .string(isolation.isMultiTenant ? "On" : "Off")),
                    ]))
        }
    }
}

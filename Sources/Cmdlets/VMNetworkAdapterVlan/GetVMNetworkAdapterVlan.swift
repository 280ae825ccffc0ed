extension Cmdlet {
    /// `Get-VMNetworkAdapterVlan`.
    static let getVMNetworkAdapterVlan = Cmdlet(
        "Get", "VMNetworkAdapterVlan", synopsis: "Gets the VLAN settings of network adapters.",
        details: "Without a machine it gives those of all.",
        sets: ["VMName", "VMSnapshot", "ResourceObject", "ManagementOS", "VMObject"].map {
            .init($0, isDefault: $0 == "VMName", shape: .many)
        },
        parameters: Parameter.adapterMachines(mandatory: false) + [.vmSnapshot, .vmNetworkAdapter(many: true), .longAdapterName],
        output: "VMNetworkAdapterVlanSetting",
        examples: [Example("Get-VMNetworkAdapterVlan web01", "The VLANs of web01's adapters.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            if let host = target as? HostAdapterObject {
                return try invocation.emit(.object(HostVlanSettingObject(host.adapter, name: host.displayName)))
            }
            let (machine, adapters) = try invocation.adapters(of: target)
            for adapter in adapters { try invocation.emit(.object(VlanSettingObject(machine, adapter))) }
        })
}

extension Cmdlet {
    /// `Get-VMNetworkAdapterAcl`.
    static let getVMNetworkAdapterAcl = Cmdlet(
        "Get", "VMNetworkAdapterAcl", synopsis: "Gets the access rules of network adapters.",
        details: "Without a machine it gives those of all.",
        sets: ["VMName", "VMSnapshot", "ResourceObject", "ManagementOS", "VMObject"].map {
            .init($0, isDefault: $0 == "VMName", shape: .many)
        },
        parameters: Parameter.adapterMachines(mandatory: false, ofHost: .noRulesOfHost) + [
            .vmSnapshot, .vmNetworkAdapter(many: true), .longAdapterName,
        ],
        output: "VMNetworkAdapterAclSetting",
        examples: [Example("Get-VMNetworkAdapterAcl web01 | Where-Object Action -eq Meter", "The meters of web01.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            let (machine, adapters) = try invocation.adapters(of: target)
            for adapter in adapters {
                for rule in adapter.accessRules ?? [] {
                    try invocation.emit(.object(AccessRuleObject(machine, adapter: adapter.id, name: adapter.name, rule)))
                }
            }
        })
}

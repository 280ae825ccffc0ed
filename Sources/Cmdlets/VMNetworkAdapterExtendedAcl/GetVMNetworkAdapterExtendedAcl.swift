extension Cmdlet {
    /// `Get-VMNetworkAdapterExtendedAcl`.
    static let getVMNetworkAdapterExtendedAcl = Cmdlet(
        "Get", "VMNetworkAdapterExtendedAcl", synopsis: "Gets the access rules about ports and protocols of network adapters.",
        details: "Without a machine it gives those of all.",
        sets: ["VMName", "VMSnapshot", "ResourceObject", "ManagementOS", "VMObject"].map {
            .init($0, isDefault: $0 == "VMName", shape: .many)
        },
        parameters: Parameter.adapterMachines(mandatory: false, ofHost: .noRulesOfHost) + [
            .vmSnapshot, .vmNetworkAdapter(many: true), .longAdapterName,
        ],
        output: "VMNetworkAdapterExtendedAclSetting",
        examples: [Example("Get-VMNetworkAdapterExtendedAcl web01", "The rules of web01.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            let (machine, adapters) = try invocation.adapters(of: target)
            for adapter in adapters {
                for rule in (adapter.extendedRules ?? []).sorted(by: { ($0.direction, $1.weight) < ($1.direction, $0.weight) }) {
                    try invocation.emit(.object(ExtendedRuleObject(machine, adapter: adapter.id, rule)))
                }
            }
        })
}

import Basics

extension Cmdlet {
    /// `Add-VMNetworkAdapterAcl`.
    static let addVMNetworkAdapterAcl = Cmdlet(
        "Add", "VMNetworkAdapterAcl", synopsis: "Adds access rules to network adapters.",
        details:
            "The rule with the most exact address decides; without one a frame passes. Meter counts, and lets pass. Rules hold at once, also for a running machine.",
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines(ofHost: .noRulesOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName, .aclAction(), .aclDirection(),
        ] + Parameter.aclAddresses() + [.passthru],
        output: "VMNetworkAdapterAclSetting",
        examples: [
            Example(
                "Add-VMNetworkAdapterAcl web01 -RemoteIPAddress 10.0.0.0/8 -Direction Both -Action Deny", "No traffic with that network."),
            Example("Add-VMNetworkAdapterAcl web01 -RemoteIPAddress ANY -Direction Outbound -Action Meter", "Counts what web01 sends."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            let rules = try invocation.accessRules()
            let (machine, chosen) = try invocation.adapters(of: target)
            try machine.configure { configuration in
                for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                    let old = configuration.adapters[index].accessRules ?? []
                    configuration.adapters[index].accessRules = old + rules.filter { !old.contains($0) }
                }
            }
            guard invocation.isOn("Passthru") else { return }
            for adapter in chosen {
                for rule in rules {
                    try invocation.emit(.object(AccessRuleObject(machine, adapter: adapter.id, name: adapter.name, rule)))
                }
            }
        })
}

import Basics
import Management

extension Cmdlet {
    private static let byAddress = ["VMName", "ResourceObject", "ManagementOS", "VMObject"]

    /// `Remove-VMNetworkAdapterAcl`.
    static let removeVMNetworkAdapterAcl = Cmdlet(
        "Remove", "VMNetworkAdapterAcl", synopsis: "Removes access rules from network adapters.",
        details: "The rules are named as they were added, or given as objects. A rule that no adapter has is an error.",
        sets: ParameterSet.adapterSets(byAddress + ["InputObjectParameter"]),
        parameters: Parameter.adapterMachines(ofHost: .noRulesOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName, .aclAction(sets: byAddress), .aclDirection(sets: byAddress),
        ] + Parameter.aclAddresses(sets: byAddress) + [
            Parameter(
                "InputObject", .object("VMNetworkAdapterAclSetting"), "Rules, as Get-VMNetworkAdapterAcl gives them.",
                sets: ["InputObjectParameter"], mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName], many: true),
            .passthru,
        ],
        output: "VMNetworkAdapterAclSetting",
        examples: [Example("Get-VMNetworkAdapterAcl web01 | Remove-VMNetworkAdapterAcl", "Removes all rules of web01.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter", "InputObject"]) { invocation, target in
            if let object = target as? AccessRuleObject {
                try invocation.remove([object.rule], from: object.machine) { $0.id == object.adapter }
                return try invocation.passthru(object)
            }
            let rules = try invocation.accessRules()
            let (machine, chosen) = try invocation.adapters(of: target)
            try invocation.remove(rules, from: machine) { adapter in chosen.contains { $0.id == adapter.id } }
            guard invocation.isOn("Passthru") else { return }
            for adapter in chosen {
                for rule in rules where adapter.accessRules?.contains(rule) == true {
                    try invocation.emit(.object(AccessRuleObject(machine, adapter: adapter.id, name: adapter.name, rule)))
                }
            }
        })
}

extension Invocation {
    fileprivate func remove(_ rules: [AccessRule], from machine: VirtualMachine, where isMeant: (AdapterConfiguration) -> Bool) throws {
        try machine.configure { configuration in
            var found = false
            for index in configuration.adapters.indices where isMeant(configuration.adapters[index]) {
                let old = configuration.adapters[index].accessRules ?? []
                let new = old.filter { !rules.contains($0) }
                found = found || new.count < old.count
                configuration.adapters[index].accessRules = new.isEmpty ? nil : new
            }
            guard found else {
                throw ErrorRecord(
                    "\(cmdlet.name): “\(machine.name)” has no such access rule.", "AccessRuleNotFound", .objectNotFound,
                    target: machine.name,
                    action: "Get-VMNetworkAdapterAcl \(machine.name) lists those it has.", cmdlet: cmdlet.name)
            }
        }
    }
}

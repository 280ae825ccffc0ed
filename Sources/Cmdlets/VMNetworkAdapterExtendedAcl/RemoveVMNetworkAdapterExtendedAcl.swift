import Basics
import Management

extension Cmdlet {
    /// `Remove-VMNetworkAdapterExtendedAcl`.
    static let removeVMNetworkAdapterExtendedAcl = Cmdlet(
        "Remove", "VMNetworkAdapterExtendedAcl", synopsis: "Takes access rules about ports and protocols from network adapters.",
        sets: ParameterSet.adapterSets(["VMName", "ResourceObject", "ManagementOS", "VMObject", "InputObjectParameter"]),
        parameters: Parameter.adapterMachines(ofHost: .noRulesOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName,
            Parameter(
                "Weight", .integer(1...65_535), "The rule's weight.", sets: ["VMName", "ResourceObject", "ManagementOS", "VMObject"],
                mandatory: true),
            Parameter(
                "Direction", .enumeration("VMNetworkAdapterExtendedAclDirection", ["Inbound", "Outbound"]), "The rule's direction.",
                sets: ["VMName", "ResourceObject", "ManagementOS", "VMObject"], mandatory: true),
            Parameter(
                "InputObject", .object("VMNetworkAdapterExtendedAclSetting"), "Rules, as Get-VMNetworkAdapterExtendedAcl gives them.",
                sets: ["InputObjectParameter"], mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName], many: true),
            .passthru,
        ],
        output: "VMNetworkAdapterExtendedAclSetting",
        examples: [
            Example("Remove-VMNetworkAdapterExtendedAcl web01 -Direction Inbound -Weight 10", "Removes that rule."),
            Example("Get-VMNetworkAdapterExtendedAcl web01 | Remove-VMNetworkAdapterExtendedAcl", "Removes all rules of web01."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter", "InputObject"]) { invocation, target in
            if let object = target as? ExtendedRuleObject {
                return try invocation.remove([object.adapter], of: object.machine, object.rule.direction, object.rule.weight)
            }
            let (machine, chosen) = try invocation.adapters(of: target)
            try invocation.remove(
                chosen.map(\.id), of: machine, invocation.string("Direction") ?? "Inbound", invocation.number("Weight") ?? 0)
        })
}

extension Invocation {
    /// Removes the rule of that direction and weight; that none of the adapters has it is an error.
    fileprivate func remove(_ adapters: [GUID], of machine: VirtualMachine, _ direction: String, _ weight: Int) throws {
        var removed: [(adapter: GUID, rule: ExtendedRule)] = []
        // The change may be tried before it is made.
        try machine.configure { configuration in
            removed = []
            for index in configuration.adapters.indices where adapters.contains(configuration.adapters[index].id) {
                var rules = configuration.adapters[index].extendedRules ?? []
                removed += rules.filter { $0.direction == direction && $0.weight == weight }.map { (configuration.adapters[index].id, $0) }
                rules.removeAll { $0.direction == direction && $0.weight == weight }
                configuration.adapters[index].extendedRules = rules.isEmpty ? nil : rules
            }
            guard !removed.isEmpty else {
                throw ErrorRecord(
                    "“\(machine.name)” has no \(direction) rule of weight \(weight).", "AccessRuleNotFound", .objectNotFound,
                    target: machine.name, action: "Get-VMNetworkAdapterExtendedAcl \(machine.name) lists those it has.",
                    cmdlet: cmdlet.name)
            }
        }
        for (adapter, rule) in removed { try passthru(ExtendedRuleObject(machine, adapter: adapter, rule)) }
    }
}

import Persistence

extension Cmdlet {
    /// `Add-VMNetworkAdapterExtendedAcl`.
    static let addVMNetworkAdapterExtendedAcl = Cmdlet(
        "Add", "VMNetworkAdapterExtendedAcl", synopsis: "Adds access rules about ports and protocols to network adapters.",
        details:
            "Of the rules that match a frame, the one with the greatest weight decides; without one it passes. A rule of the same direction and weight must not be there. A stateful rule that lets a connection through lets its answers through, too. Rules hold at once, also for a running machine, beside those of Add-VMNetworkAdapterAcl.",
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines(ofHost: .noRulesOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName,
            Parameter(
                "Action", .enumeration("VMNetworkAdapterExtendedAclAction", ["Allow", "Deny"]), "What happens to matching frames.",
                mandatory: true, position: 1),
            Parameter(
                "Direction", .enumeration("VMNetworkAdapterExtendedAclDirection", ["Inbound", "Outbound"]),
                "Frames to the guest, or from it.",
                mandatory: true, position: 2),
            Parameter("LocalIPAddress", .string, "An address or range of the guest, or ANY.", position: 3),
            Parameter("RemoteIPAddress", .string, "An address or range of others, or ANY.", position: 4),
            Parameter("LocalPort", .string, "A port of the guest, a range like 80-90, or ANY.", position: 5),
            Parameter("RemotePort", .string, "A port of others, a range like 80-90, or ANY.", position: 6),
            Parameter("Protocol", .string, "TCP, UDP, ICMP, a protocol's number, or ANY.", position: 7),
            Parameter("Weight", .integer(1...65_535), "The greatest decides.", mandatory: true, position: 8),
            Parameter("Stateful", .boolean, "Whether answers of what it lets through pass, too."),
            Parameter("IdleSessionTimeout", .integer(1...86_400), "Seconds after the last frame for which they do; 255 unless given."),
            Parameter(
                "IsolationID", .integer(0...16_777_215), "A virtual subnet.", effect: .refused("a rule holds in the adapter's own network")),
            .passthru,
        ],
        output: "VMNetworkAdapterExtendedAclSetting",
        examples: [
            Example(
                "Add-VMNetworkAdapterExtendedAcl web01 Deny Inbound -Weight 1; Add-VMNetworkAdapterExtendedAcl web01 Allow Inbound -LocalPort 443 -Protocol TCP -Stateful $true -Weight 10",
                "web01 is reached at port 443 only.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            let rule = try invocation.extendedRule()
            let (machine, chosen) = try invocation.adapters(of: target)
            try machine.configure { configuration in
                for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                    configuration.adapters[index].extendedRules = (configuration.adapters[index].extendedRules ?? []) + [rule]
                }
            }
            for adapter in chosen { try invocation.passthru(ExtendedRuleObject(machine, adapter: adapter.id, rule)) }
        })
}

extension Invocation {
    /// The rule that the arguments spell; what can be wrong with it the configuration's own check says.
    fileprivate func extendedRule() throws -> ExtendedRule {
        func given(_ name: String) -> String? { string(name).flatMap { ["ANY", "*"].contains($0.uppercased()) ? nil : $0 } }
        var rule = ExtendedRule(
            action: string("Action") ?? "Deny", direction: string("Direction") ?? "Inbound", weight: number("Weight") ?? 1)
        (rule.localAddress, rule.remoteAddress) = (given("LocalIPAddress")?.lowercased(), given("RemoteIPAddress")?.lowercased())
        (rule.localPort, rule.remotePort) = (given("LocalPort"), given("RemotePort"))
        if let name = given("Protocol") {
            guard let transport = ExtendedRuleObject.transport(name) else {
                throw ErrorRecord(
                    "\(cmdlet.name) -Protocol “\(name)” is no protocol.", "AccessRuleInvalid", .invalidArgument, target: name,
                    action: "Write TCP, UDP, ICMP, or a number from 0 to 255.", cmdlet: cmdlet.name)
            }
            rule.transport = transport
        }
        rule.isStateful = isOn("Stateful")
        rule.idleSessionTimeout = number("IdleSessionTimeout")
        return rule
    }
}

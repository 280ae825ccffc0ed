import Basics
import Management
import Persistence

extension Cmdlet {
    private static let withInput = ["VMName", "ResourceObject", "ManagementOS", "VMObject", "InputObjectParameter"]
    private static let withoutInput = ["VMName", "ResourceObject", "ManagementOS", "VMObject"]

    /// `Add-VMNetworkAdapterRoutingDomainMapping`.
    static let addVMNetworkAdapterRoutingDomainMapping = Cmdlet(
        "Add", "VMNetworkAdapterRoutingDomainMapping", synopsis: "Gives network adapters a routing domain: networks of one tenant.",
        details:
            "The guest tags its frames with the VLAN ids of its domains when its adapter is isolated by VLAN with a stack for many tenants (Set-VMNetworkAdapterIsolation -MultiTenantStack On).",
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines(ofHost: .noDomainsOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName,
            Parameter("RoutingDomainID", .guid, "Identifier of the domain.", mandatory: true, position: 1),
            Parameter("RoutingDomainName", .string, "Its name.", mandatory: true, position: 2),
            Parameter("IsolationID", .integer(1...4094), "VLAN ids of its networks.", mandatory: true, position: 3, many: true),
            Parameter("IsolationName", .string, "A name for each.", position: 4, many: true), .passthru,
        ],
        output: "VMNetworkAdapterRoutingDomainSetting",
        examples: [
            Example(
                "local id = New-Guid; Add-VMNetworkAdapterRoutingDomainMapping gw -RoutingDomainID $id -RoutingDomainName red -IsolationID 10, 11",
                "The tenant red has VLANs 10 and 11.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            guard let id = invocation.string("RoutingDomainID").flatMap({ GUID($0) }) else { return }
            let ids = (invocation.list("IsolationID") ?? []).compactMap { $0.integerValue.map { Int($0) } }
            let names = (invocation.list("IsolationName") ?? []).map(\.text)
            guard names.isEmpty || names.count == ids.count else {
                throw ErrorRecord(
                    "Add-VMNetworkAdapterRoutingDomainMapping: \(ids.count) ids and \(names.count) names.", "RoutingDomainInvalid",
                    .invalidArgument, action: "Give each id a name, or none.", cmdlet: "Add-VMNetworkAdapterRoutingDomainMapping")
            }
            let domain = RoutingDomain(
                id: id, name: invocation.string("RoutingDomainName") ?? "", isolationIds: ids,
                isolationNames: names.isEmpty ? ids.map { "VLAN \($0)" } : names)
            let (machine, chosen) = try invocation.adapters(of: target)
            try machine.configure { configuration in
                for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                    configuration.adapters[index].routingDomains = (configuration.adapters[index].routingDomains ?? []) + [domain]
                }
            }
            for adapter in chosen { try invocation.passthru(RoutingDomainObject(machine, adapter: adapter.id, domain)) }
        })

    /// `Get-VMNetworkAdapterRoutingDomainMapping`.
    static let getVMNetworkAdapterRoutingDomainMapping = Cmdlet(
        "Get", "VMNetworkAdapterRoutingDomainMapping", synopsis: "Gets the routing domains of network adapters.",
        details: "Without a machine it gives those of all.",
        sets: ["VMName", "VMSnapshot", "ResourceObject", "ManagementOS", "VMObject"].map {
            .init($0, isDefault: $0 == "VMName", shape: .many)
        },
        parameters: Parameter.adapterMachines(mandatory: false, ofHost: .noDomainsOfHost) + [
            .vmSnapshot, .vmNetworkAdapter(many: true), .longAdapterName,
        ] + Parameter.domainChoice(),
        output: "VMNetworkAdapterRoutingDomainSetting",
        examples: [Example("Get-VMNetworkAdapterRoutingDomainMapping gw", "The tenants of the gateway gw.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter"]) { invocation, target in
            let (machine, chosen) = try invocation.adapters(of: target)
            for adapter in chosen {
                for domain in adapter.routingDomains ?? [] where invocation.isChosen(domain) {
                    try invocation.emit(.object(RoutingDomainObject(machine, adapter: adapter.id, domain)))
                }
            }
        })

    /// `Remove-VMNetworkAdapterRoutingDomainMapping`.
    static let removeVMNetworkAdapterRoutingDomainMapping = Cmdlet(
        "Remove", "VMNetworkAdapterRoutingDomainMapping", synopsis: "Takes routing domains from network adapters.",
        sets: ParameterSet.adapterSets(withInput),
        parameters: Parameter.adapterMachines(ofHost: .noDomainsOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName, .domainInput(many: true),
        ] + Parameter.domainChoice(sets: withoutInput) + [.passthru],
        output: "VMNetworkAdapterRoutingDomainSetting",
        examples: [Example("Remove-VMNetworkAdapterRoutingDomainMapping gw -RoutingDomainName red", "The tenant red is gone.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter", "InputObject"]) { invocation, target in
            try invocation.changeDomains(of: target) { domains, position in domains.remove(at: position) }
        })

    /// `Set-VMNetworkAdapterRoutingDomainMapping`.
    static let setVMNetworkAdapterRoutingDomainMapping = Cmdlet(
        "Set", "VMNetworkAdapterRoutingDomainMapping", synopsis: "Changes routing domains of network adapters.",
        sets: ParameterSet.adapterSets(withInput),
        parameters: Parameter.adapterMachines(ofHost: .noDomainsOfHost) + [
            .vmNetworkAdapter(many: true), .longAdapterName, .domainInput(many: false),
            Parameter("NewRoutingDomainName", .string, "Another name."),
            Parameter("IsolationID", .integer(1...4094), "Other VLAN ids.", many: true),
            Parameter("IsolationName", .string, "Names of the networks.", many: true),
        ] + Parameter.domainChoice(sets: withoutInput) + [.passthru],
        output: "VMNetworkAdapterRoutingDomainSetting",
        examples: [
            Example("Set-VMNetworkAdapterRoutingDomainMapping gw -RoutingDomainName red -IsolationID 10, 12", "Other networks of red.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMNetworkAdapter", "InputObject"]) { invocation, target in
            try invocation.changeDomains(of: target) { domains, position in
                if let name = invocation.string("NewRoutingDomainName") { domains[position].name = name }
                if let ids = invocation.list("IsolationID") {
                    domains[position].isolationIds = ids.compactMap { $0.integerValue.map { Int($0) } }
                    domains[position].isolationNames = domains[position].isolationIds.map { "VLAN \($0)" }
                }
                if let names = invocation.list("IsolationName")?.map(\.text) {
                    guard names.count == domains[position].isolationIds.count else {
                        throw ErrorRecord(
                            "Set-VMNetworkAdapterRoutingDomainMapping: each of the domain's networks needs a name.", "RoutingDomainInvalid",
                            .invalidArgument, cmdlet: "Set-VMNetworkAdapterRoutingDomainMapping")
                    }
                    domains[position].isolationNames = names
                }
            }
        })
}

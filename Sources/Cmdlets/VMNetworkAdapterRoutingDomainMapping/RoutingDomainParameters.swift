import Basics
import Management
import Persistence

typealias RoutingDomain = VirtualMachineConfiguration.RoutingDomain

/// A routing domain of a network adapter.
final class RoutingDomainObject: MachinePart {
    let machine: VirtualMachine
    let adapter: GUID
    let id: GUID
    private let name: String

    init(_ machine: VirtualMachine, adapter: GUID, _ domain: RoutingDomain) {
        (self.machine, self.adapter, id, name) = (machine, adapter, domain.id, domain.name)
    }

    var type: ObjectType { .routingDomain }
    var identity: String { "\(machine.id)\\\(adapter)\\\(id)" }
    var displayName: String { name }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let now = view.configuration.adapters.first(where: { $0.id == adapter }),
            let domain = now.routingDomains?.first(where: { $0.id == id })
        else { return nil }
        return [
            ("RoutingDomainID", .string(id.description)), ("RoutingDomainName", .string(domain.name)),
            ("IsolationID", .list(domain.isolationIds.map { .count($0) })),
            ("IsolationName", .list(domain.isolationNames.map { .string($0) })), ("AdapterName", .string(now.name)),
            ("ParentAdapter", .object(NetworkAdapterObject(machine, now))), ("IsTemplate", .boolean(false)),
        ]
    }
}

extension ObjectType {
    static let routingDomain = ObjectType(
        name: "VMNetworkAdapterRoutingDomainSetting",
        properties: [
            .init("RoutingDomainID", "Guid", "Identifier of the domain."), .init("RoutingDomainName", "String", "Its name."),
            .init("IsolationID", "Int32[]", "VLAN ids of its networks."), .init("IsolationName", "String[]", "Their names."),
            .init("AdapterName", "String", "Name of the adapter."), .init("ParentAdapter", "VMNetworkAdapter", "The adapter."),
            .init("IsTemplate", "Boolean", "False."),
        ] + ComponentObject.common)
}

extension Parameter {
    static let noDomainsOfHost = Parameter(
        "ManagementOS", .switched, "Adapters of the host.", sets: ["ManagementOS"], mandatory: true,
        effect: .refused("routing domains are for guests that tag their frames"))

    static func domainInput(many: Bool) -> Parameter {
        Parameter(
            "InputObject", .object("VMNetworkAdapterRoutingDomainSetting"),
            "Domains, as Get-VMNetworkAdapterRoutingDomainMapping gives them.", sets: ["InputObjectParameter"], mandatory: true,
            position: 0,
            pipeline: [.byValue, .byPropertyName], many: many)
    }

    /// -RoutingDomainID and -RoutingDomainName to pick one.
    static func domainChoice(sets: [String] = []) -> [Parameter] {
        [
            Parameter("RoutingDomainID", .guid, "Identifier of the domain.", sets: sets),
            Parameter("RoutingDomainName", .string, "Name of the domain.", sets: sets),
        ]
    }
}

extension Invocation {
    /// The domains of an adapter that -RoutingDomainID and -RoutingDomainName pick.
    func isChosen(_ domain: RoutingDomain) -> Bool {
        if let id = string("RoutingDomainID").flatMap({ GUID($0) }), id != domain.id { return false }
        if let name = string("RoutingDomainName"), name.lowercased() != domain.name.lowercased() { return false }
        return true
    }

    /// Changes the domains that the target is, or that the arguments pick of its adapters; none is an error.
    func changeDomains(of target: any LiveObject, _ change: (inout [RoutingDomain], Int) throws -> Void) throws {
        let machine = try target.virtualMachine()
        let chosen = try (target as? RoutingDomainObject).map { [$0.adapter] } ?? adapters(of: target).adapters.map(\.id)
        var touched: [(adapter: GUID, domain: RoutingDomain)] = []
        // The change may be tried before it is made.
        try machine.configure { configuration in
            touched = []
            for index in configuration.adapters.indices where chosen.contains(configuration.adapters[index].id) {
                var domains = configuration.adapters[index].routingDomains ?? []
                for position in domains.indices.reversed() {
                    let isIt = (target as? RoutingDomainObject).map { $0.id == domains[position].id } ?? isChosen(domains[position])
                    guard isIt else { continue }
                    touched.append((configuration.adapters[index].id, domains[position]))
                    try change(&domains, position)
                }
                configuration.adapters[index].routingDomains = domains.isEmpty ? nil : domains
            }
            guard !touched.isEmpty else {
                throw ErrorRecord(
                    "\(cmdlet.name): “\(machine.name)” has no such routing domain.", "RoutingDomainNotFound", .objectNotFound,
                    target: machine.name, action: "Get-VMNetworkAdapterRoutingDomainMapping \(machine.name) lists those it has.",
                    cmdlet: cmdlet.name)
            }
        }
        for (adapter, domain) in touched { try passthru(RoutingDomainObject(machine, adapter: adapter, domain)) }
    }
}

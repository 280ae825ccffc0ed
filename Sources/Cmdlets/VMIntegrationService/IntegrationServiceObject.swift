import Basics
import Management
import Persistence
import WorkerProtocol

/// An integration service of a virtual machine.
final class IntegrationServiceObject: MachinePart {
    let machine: VirtualMachine
    let service: IntegrationService

    init(_ machine: VirtualMachine, _ service: IntegrationService) { (self.machine, self.service) = (machine, service) }

    var type: ObjectType { .integrationComponent }
    var identity: String { "\(machine.id)\\\(service.rawValue)" }
    var displayName: String { service.rawValue }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        let isEnabled = view.configuration.isEnabled(service)
        let report = isEnabled ? view.guest?.services.first { $0.name == service.rawValue } : nil
        let status = report?.primaryStatus ?? ""
        let list: [Value] = status.isEmpty ? [] : [.string(status)]
        return [
            ("Name", .string(service.rawValue)), ("Enabled", .boolean(isEnabled)), ("OperationalStatus", .list(list)),
            ("PrimaryOperationalStatus", list.first ?? .null),
            ("PrimaryStatusDescription", .string(Self.words[status] ?? status)),
            ("StatusDescription", .list(list.map { .string(Self.words[$0.text] ?? $0.text) })), ("SecondaryOperationalStatus", .null),
            ("SecondaryStatusDescription", .string(report?.description ?? "")),
            ("ProtocolVersion", report?.protocolVersion.map { .string($0) } ?? .null),
            ("Id", .string("Microsoft:\(machine.id)\\\(service.rawValue)")),
        ]
    }

    /// The module's words for states.
    private static let words = [
        "Ok": "OK", "NoContact": "No Contact", "LostCommunication": "Lost Communication", "ProtocolMismatch": "Protocol Mismatch",
    ]
}

extension ObjectType {
    static let integrationComponent = ObjectType(
        name: "VMIntegrationComponent",
        properties: [
            .init("Name", "String", "Its name."), .init("Enabled", "Boolean", "Whether the guest is offered it."),
            .init("OperationalStatus", "VMIntegrationComponentOperationalStatus[]", "Ok, NoContact and so on; empty when off."),
            .init("PrimaryOperationalStatus", "VMIntegrationComponentOperationalStatus", "The first of them; nil when off."),
            .init("PrimaryStatusDescription", "String", "The same in words."),
            .init("SecondaryOperationalStatus", "VMIntegrationComponentOperationalStatus", "Nil."),
            .init("SecondaryStatusDescription", "String", "More about it."),
            .init("StatusDescription", "String[]", "OperationalStatus in words."),
            .init("ProtocolVersion", "String", "Version that the guest's driver agreed to; nil before."),
            .init("Id", "String", "Identifier of this part."),
        ] + ComponentObject.common)
}

extension Invocation {
    /// The services that the names mean; without names all. An unknown name is an error with the nearest.
    func integrationServices() throws -> [IntegrationService] {
        guard let names = list("Name")?.map(\.text) else { return IntegrationService.allCases }
        var found: [IntegrationService] = []
        for name in names {
            let pattern = WildcardPattern(name)
            let matching = IntegrationService.allCases.filter {
                pattern.matches($0.rawValue) || $0 == IntegrationService(named: name)
            }
            guard !matching.isEmpty || WildcardPattern.isPattern(name) else {
                let all = IntegrationService.allCases.map(\.rawValue)
                throw ErrorRecord(
                    "There is no integration service “\(name)”.\(Spelling.hint(name, among: all))", "IntegrationServiceNotFound",
                    .objectNotFound, target: name, action: "They are \(Spelling.list(all, "and")).", cmdlet: cmdlet.name)
            }
            found += matching.filter { !found.contains($0) }
        }
        return found
    }

    /// Turns the target's services on or off.
    func setServices(of target: any LiveObject, isEnabled: Bool) throws {
        let machine = try target.virtualMachine()
        let services = try (target as? IntegrationServiceObject).map { [$0.service] } ?? integrationServices()
        try machine.configure { configuration in
            for service in services { configuration.enable(service, isEnabled) }
        }
        guard isOn("Passthru") else { return }
        for service in services { try emit(.object(IntegrationServiceObject(machine, service))) }
    }
}

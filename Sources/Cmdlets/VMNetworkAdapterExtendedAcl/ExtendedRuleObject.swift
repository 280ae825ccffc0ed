import Basics
import Management
import Persistence

typealias ExtendedRule = VirtualMachineConfiguration.ExtendedRule

/// An extended access rule of a network adapter, known by its direction and weight.
final class ExtendedRuleObject: MachinePart {
    let machine: VirtualMachine
    let adapter: GUID
    let rule: ExtendedRule

    init(_ machine: VirtualMachine, adapter: GUID, _ rule: ExtendedRule) {
        (self.machine, self.adapter, self.rule) = (machine, adapter, rule)
    }

    var type: ObjectType { .extendedRule }
    var identity: String { "\(machine.id)\\\(adapter)\\\(rule.direction)\\\(rule.weight)" }
    var displayName: String { "\(rule.action) \(rule.direction) \(rule.weight)" }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let now = view.configuration.adapters.first(where: { $0.id == adapter }),
            let rule = now.extendedRules?.first(where: { $0.direction == rule.direction && $0.weight == rule.weight })
        else { return nil }
        return [
            ("Direction", .string(rule.direction)), ("Action", .string(rule.action)),
            ("LocalIPAddress", .string(rule.localAddress ?? "ANY")),
            ("RemoteIPAddress", .string(rule.remoteAddress ?? "ANY")), ("LocalPort", .string(rule.localPort ?? "ANY")),
            ("RemotePort", .string(rule.remotePort ?? "ANY")), ("Protocol", .string(Self.name(of: rule.transport))),
            ("Weight", .count(rule.weight)), ("Stateful", .boolean(rule.isStateful)),
            ("IdleSessionTimeout", .count(rule.isStateful ? rule.idleSessionTimeout ?? 255 : 0)), ("IsolationID", .integer(0)),
            ("AdapterName", .string(now.name)), ("ParentAdapter", .object(NetworkAdapterObject(machine, now))),
            ("IsTemplate", .boolean(false)),
        ]
    }

    private static let names = ["TCP": 6, "UDP": 17, "ICMP": 1]

    /// The protocol's number, from TCP, UDP, ICMP or the number itself; nil: it is none of these.
    static func transport(_ text: String) -> Int? { names[text.uppercased()] ?? Int(text) }

    static func name(of transport: Int?) -> String {
        guard let transport else { return "ANY" }
        return names.first { $0.value == transport }?.key ?? String(transport)
    }
}

extension ObjectType {
    static let extendedRule = ObjectType(
        name: "VMNetworkAdapterExtendedAclSetting",
        properties: [
            .init("Direction", "VMNetworkAdapterExtendedAclDirection", "Inbound (to the guest) or Outbound."),
            .init("Action", "VMNetworkAdapterExtendedAclAction", "Allow or Deny."),
            .init("LocalIPAddress", "String", "The guest's addresses, or ANY."),
            .init("RemoteIPAddress", "String", "Others' addresses, or ANY."),
            .init("LocalPort", "String", "The guest's ports, or ANY."),
            .init("RemotePort", "String", "Others' ports, or ANY."),
            .init("Protocol", "String", "TCP, UDP, ICMP, a number, or ANY."),
            .init("Weight", "Int32", "The greatest weight of the rules that match decides."),
            .init("Stateful", "Boolean", "Whether answers of what it lets through pass, too."),
            .init("IdleSessionTimeout", "Int32", "Seconds after the last frame for which they do."),
            .init("IsolationID", "Int32", "0: it holds in the adapter's own network."),
            .init("AdapterName", "String", "Name of the adapter."),
            .init("ParentAdapter", "VMNetworkAdapter", "The adapter."),
            .init("IsTemplate", "Boolean", "False."),
        ] + ComponentObject.common)
}

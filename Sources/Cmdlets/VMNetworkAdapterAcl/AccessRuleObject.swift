import Basics
import Management
import Persistence

typealias AccessRule = VirtualMachineConfiguration.AccessRule

/// An access rule of a network adapter; two equal ones of one adapter cannot be.
final class AccessRuleObject: MachinePart {
    let machine: VirtualMachine
    let adapter: GUID
    let rule: AccessRule
    private let adapterName: String

    init(_ machine: VirtualMachine, adapter: GUID, name: String, _ rule: AccessRule) {
        (self.machine, self.adapter, adapterName, self.rule) = (machine, adapter, name, rule)
    }

    var type: ObjectType { .accessRule }
    var identity: String {
        "\(machine.id)\\\(adapter)\\\(rule.action)\\\(rule.direction)\\\(rule.localAddress ?? "")\\\(rule.remoteAddress ?? "")"
    }
    var displayName: String { "\(rule.action) \(rule.direction) \(address)" }

    private var address: String {
        if let local = rule.localAddress { return "Local \(local)" }
        return "Remote \(rule.remoteAddress ?? "ANY")"
    }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let now = view.configuration.adapters.first(where: { $0.id == adapter }), now.accessRules?.contains(rule) == true else {
            return nil
        }
        func kind(_ address: String?) -> Value {
            guard let address, let pattern = NetworkPattern(address) else { return .string("WildcardBoth") }
            switch pattern {
            case .any: return .string("WildcardBoth")
            case .ipv4: return .string("IPv4")
            case .ipv6: return .string("IPv6")
            case .mac: return .string("Mac")
            }
        }
        return [
            ("AdapterName", .string(now.name)), ("Action", .string(rule.action)), ("Direction", .string(rule.direction)),
            ("LocalAddress", .string(rule.localAddress ?? "")), ("LocalAddressType", kind(rule.localAddress)),
            ("RemoteAddress", .string(rule.remoteAddress ?? "")), ("RemoteAddressType", kind(rule.remoteAddress)),
            ("Address", .string(address)), ("MeteredMegabytes", .string(metered(now))),
            ("ParentAdapter", .object(NetworkAdapterObject(machine, now))),
        ]
    }

    /// What a meter has counted since its switch began, in whole mebibytes; empty for other rules.
    private func metered(_ now: AdapterConfiguration) -> String {
        guard rule.action == "Meter", let id = now.switchId else { return "" }
        let bytes = (try? machine.host.meteredBytes(switchId: id, adapter: adapter, rule)) ?? nil
        return bytes.map { String($0 >> 20) } ?? "0"
    }
}

extension ObjectType {
    static let accessRule = ObjectType(
        name: "VMNetworkAdapterAclSetting",
        properties: [
            .init("AdapterName", "String", "Name of the adapter."),
            .init("Direction", "VMNetworkAdapterAclDirection", "Inbound or Outbound, as the guest sees it."),
            .init("Address", "String", "Which address, in short."),
            .init("Action", "VMNetworkAdapterAclAction", "Allow, Deny or Meter."),
            .init("LocalAddress", "String", "The guest's address; empty: not asked for."),
            .init("LocalAddressType", "VMNetworkAdapterAclType", "IPv4, IPv6, Mac or WildcardBoth."),
            .init("RemoteAddress", "String", "The other's address; empty: not asked for."),
            .init("RemoteAddressType", "VMNetworkAdapterAclType", "IPv4, IPv6, Mac or WildcardBoth."),
            .init("MeteredMegabytes", "String", "What a meter has counted since the switch began."),
            .init("ParentAdapter", "VMNetworkAdapter", "The adapter."),
        ] + ComponentObject.common)
}

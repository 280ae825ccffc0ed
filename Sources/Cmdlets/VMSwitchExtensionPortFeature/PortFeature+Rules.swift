import Persistence

/// The features of which a port has any number: access rules, each one feature.
extension PortFeature {
    private static let directions = ["", "Inbound", "Outbound"]
    private static let actions = ["", "Allow", "Deny", "Meter"]
    private static let sides = ["", "Local", "Remote"]

    static let accessRules = PortFeature(
        identity: FeatureIdentity(id: "998bef4a-5d55-492a-9c43-8b2f5eae9f2b", name: "Ethernet Switch Port ACL Settings", source: .native),
        isMany: true,
        defaults: [
            ("Direction", .integer(1)), ("Action", .integer(1)), ("Applicability", .integer(2)), ("LocalAddress", .string("")),
            ("LocalAddressPrefixLength", .integer(0)), ("RemoteAddress", .string("")), ("RemoteAddressPrefixLength", .integer(0)),
        ],
        read: { adapter in
            (adapter.accessRules ?? []).map { rule in
                let (local, localPrefix) = split(rule.localAddress)
                let (remote, remotePrefix) = split(rule.remoteAddress)
                return Setting(
                    key: key(rule),
                    values: [
                        ("Direction", .count(directions.firstIndex(of: rule.direction) ?? 1)),
                        ("Action", .count(actions.firstIndex(of: rule.action) ?? 1)),
                        ("Applicability", .integer(rule.localAddress == nil ? 2 : 1)), ("LocalAddress", .string(local)),
                        ("LocalAddressPrefixLength", .count(localPrefix)), ("RemoteAddress", .string(remote)),
                        ("RemoteAddressPrefixLength", .count(remotePrefix)),
                    ])
            }
        },
        write: { data, adapter, old in
            var rule = AccessRule(action: try data.word("Action", actions), direction: try data.word("Direction", directions))
            if try data.word("Applicability", sides) == "Local" {
                rule.localAddress = try address("LocalAddress", data)
            } else {
                rule.remoteAddress = try address("RemoteAddress", data)
            }
            var rules = adapter.accessRules ?? []
            guard !rules.contains(where: { key($0) == key(rule) && key($0) != old }) else {
                throw data.refuse("the adapter “\(adapter.name)” has that rule already.")
            }
            if let old, let place = rules.firstIndex(where: { key($0) == old }) { rules[place] = rule } else { rules.append(rule) }
            adapter.accessRules = rules
        },
        remove: { adapter, old in adapter.accessRules?.removeAll { key($0) == old } })

    private static func key(_ rule: AccessRule) -> String {
        "\(rule.action)-\(rule.direction)-\(rule.localAddress ?? "")-\(rule.remoteAddress ?? "")"
    }

    /// An address and the length of its prefix; 0: the address has none.
    private static func split(_ address: String?) -> (String, Int) {
        guard let address else { return ("", 0) }
        let parts = address.split(separator: "/", maxSplits: 1)
        return parts.count == 2 ? (String(parts[0]), Int(parts[1]) ?? 0) : (address, 0)
    }

    /// The address as rules hold it.
    private static func address(_ name: String, _ data: SettingData) throws -> String {
        let text = try data.text(name)
        let prefix = try data.number("\(name)PrefixLength", 0...128)
        let whole = prefix == 0 || text.contains("/") ? text : "\(text)/\(prefix)"
        switch NetworkPattern(whole) {
        case .any?: return "ANY"
        case .mac(let digits)?: return digits
        case .ipv4?, .ipv6?: return whole.lowercased()
        case nil:
            throw data.refuse(
                "\(name) “\(whole)” is no address.",
                action: "Write 10.0.0.0 with a prefix length of 8, 10.1.2.3, fd00::1, a MAC address, or ANY.")
        }
    }

    static let extendedRules = PortFeature(
        identity: FeatureIdentity(
            id: "cd168ff0-a16d-4514-b7b5-8bbba791a928", name: "Ethernet Switch Port Extended ACL Settings", source: .native),
        isMany: true,
        defaults: [
            ("Direction", .integer(1)), ("Action", .integer(1)), ("LocalIPAddress", .string("ANY")), ("RemoteIPAddress", .string("ANY")),
            ("LocalPort", .string("ANY")), ("RemotePort", .string("ANY")), ("Protocol", .string("ANY")), ("Weight", .integer(1)),
            ("Stateful", .boolean(false)), ("IdleSessionTimeout", .integer(255)),
        ],
        read: { adapter in
            (adapter.extendedRules ?? []).map { rule in
                Setting(
                    key: key(rule),
                    values: [
                        ("Direction", .count(directions.firstIndex(of: rule.direction) ?? 1)),
                        ("Action", .count(actions.firstIndex(of: rule.action) ?? 1)),
                        ("LocalIPAddress", .string(rule.localAddress ?? "ANY")), ("RemoteIPAddress", .string(rule.remoteAddress ?? "ANY")),
                        ("LocalPort", .string(rule.localPort ?? "ANY")), ("RemotePort", .string(rule.remotePort ?? "ANY")),
                        ("Protocol", .string(ExtendedRuleObject.name(of: rule.transport))), ("Weight", .count(rule.weight)),
                        ("Stateful", .boolean(rule.isStateful)), ("IdleSessionTimeout", .count(rule.idleSessionTimeout ?? 255)),
                    ])
            }
        },
        write: { data, adapter, old in
            func given(_ name: String) throws -> String? {
                let text = try data.text(name)
                return ["ANY", "*", ""].contains(text.uppercased()) ? nil : text
            }
            var rule = ExtendedRule(
                action: try data.word("Action", Array(actions.dropLast())), direction: try data.word("Direction", directions),
                weight: try Int(data.number("Weight", 1...65_535)))
            (rule.localAddress, rule.remoteAddress) = (
                try given("LocalIPAddress")?.lowercased(), try given("RemoteIPAddress")?.lowercased()
            )
            (rule.localPort, rule.remotePort) = (try given("LocalPort"), try given("RemotePort"))
            if let name = try given("Protocol") {
                guard let transport = ExtendedRuleObject.transport(name) else {
                    throw data.refuse("“\(name)” is no protocol.", action: "Write TCP, UDP, ICMP, or a number from 0 to 255.")
                }
                rule.transport = transport
            }
            rule.isStateful = try data.truth("Stateful")
            let timeout = try Int(data.number("IdleSessionTimeout", 0...86_400))
            if rule.isStateful, timeout > 0 { rule.idleSessionTimeout = timeout }
            var rules = adapter.extendedRules ?? []
            if let old, let place = rules.firstIndex(where: { key($0) == old }) { rules[place] = rule } else { rules.append(rule) }
            adapter.extendedRules = rules
        },
        remove: { adapter, old in adapter.extendedRules?.removeAll { key($0) == old } })

    private static func key(_ rule: ExtendedRule) -> String { "\(rule.direction)-\(rule.weight)" }
}

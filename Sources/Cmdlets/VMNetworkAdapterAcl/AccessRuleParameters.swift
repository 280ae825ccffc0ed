import Basics
import Persistence

extension Parameter {
    static func aclAction(sets: [String] = []) -> Parameter {
        Parameter(
            "Action", .enumeration("VMNetworkAdapterAclAction", ["Allow", "Deny", "Meter"]), "What happens to matching frames.", sets: sets,
            mandatory: true)
    }

    static func aclDirection(sets: [String] = []) -> Parameter {
        Parameter(
            "Direction", .enumeration("VMNetworkAdapterAclDirection", ["Inbound", "Outbound", "Both"]),
            "Frames to the guest, from it, or both.", sets: sets, mandatory: true)
    }

    /// -LocalIPAddress, -LocalMacAddress, -RemoteIPAddress and -RemoteMacAddress.
    static func aclAddresses(sets: [String] = []) -> [Parameter] {
        [
            Parameter("LocalIPAddress", .string, "Addresses or ranges of the guest, or ANY.", sets: sets, many: true),
            Parameter("LocalMacAddress", .string, "MAC addresses of the guest, or ANY.", sets: sets, many: true),
            Parameter("RemoteIPAddress", .string, "Addresses or ranges of others, or ANY.", sets: sets, many: true),
            Parameter("RemoteMacAddress", .string, "MAC addresses of others, or ANY.", sets: sets, many: true),
        ]
    }
}

extension Invocation {
    /// The rules that -Action, -Direction and the addresses spell: one for each direction and address.
    func accessRules() throws -> [AccessRule] {
        let action = string("Action") ?? "Allow"
        let directions = string("Direction") == "Both" ? ["Inbound", "Outbound"] : [string("Direction") ?? "Inbound"]
        var rules: [AccessRule] = []
        for (parameter, isLocal, isMac) in [
            ("LocalIPAddress", true, false), ("LocalMacAddress", true, true), ("RemoteIPAddress", false, false),
            ("RemoteMacAddress", false, true),
        ] {
            for text in (list(parameter) ?? []).map(\.text) {
                let address = try accessAddress(text, parameter, isMac: isMac)
                for direction in directions {
                    var rule = AccessRule(action: action, direction: direction)
                    if isLocal { rule.localAddress = address } else { rule.remoteAddress = address }
                    if !rules.contains(rule) { rules.append(rule) }
                }
            }
        }
        guard !rules.isEmpty else {
            throw ErrorRecord(
                "\(cmdlet.name) needs an address.", "MissingMandatoryParameter", .invalidArgument,
                action: "Write -LocalIPAddress, -LocalMacAddress, -RemoteIPAddress or -RemoteMacAddress; ANY is every address.",
                cmdlet: cmdlet.name)
        }
        return rules
    }

    /// The address in one spelling, so that Remove- finds what Add- wrote.
    private func accessAddress(_ text: String, _ parameter: String, isMac: Bool) throws -> String {
        if let pattern = NetworkPattern(text) {
            switch pattern {
            case .any: return "ANY"
            case .mac(let digits) where isMac: return digits
            case .ipv4 where !isMac, .ipv6 where !isMac: return text.lowercased()
            default: break
            }
        }
        throw ErrorRecord(
            "\(cmdlet.name) -\(parameter) “\(text)” is not \(isMac ? "a MAC address" : "an IP address or a range").", "AccessRuleInvalid",
            .invalidArgument, target: text,
            action: isMac ? "Write 00155D010203, or ANY." : "Write 10.1.2.3, 10.0.0.0/8, fe80::/10, or ANY.",
            cmdlet: cmdlet.name)
    }
}

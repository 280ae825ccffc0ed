import Basics

/// A port's settings, checked and made quick to apply.
package struct PortRules: Sendable {
    package enum Mirroring: Sendable { case none, source, destination }

    package let mac: MACAddress?
    package let vlan: PortVLAN
    package let mirroring: Mirroring
    package let maximumBandwidth: UInt64?
    package let spoofing: Bool
    package let dhcpGuard: Bool
    package let routerGuard: Bool
    package let isConnected: Bool
    let accessList: [AccessEntry]
    /// The greatest weight first.
    let extendedList: [ExtendedEntry]
    private let allowed: Set<Int>

    /// Throws a `NetworkError` that names what cannot be.
    package init(_ settings: PortSettings) throws {
        func refuse(_ identifier: String, _ what: String, _ action: String) -> NetworkError {
            NetworkError(
                identifier, .invalidArgument, "The adapter “\(settings.adapterName)” of “\(settings.virtualMachineName)”: \(what)",
                action: action, target: settings.adapterName)
        }
        guard let mac = MACAddress(settings.macAddress), !mac.isGroup, mac.value != 0 else {
            throw refuse(
                "MacAddressInvalid", "“\(settings.macAddress)” cannot be its MAC address.",
                "Give twelve hexadecimal digits whose first pair is even, like 00155D012345.")
        }
        func check(_ id: Int, _ range: ClosedRange<Int>) throws {
            guard range ~= id else {
                throw refuse(
                    "VlanIdOutOfRange", "the VLAN id \(id) is not within \(range.lowerBound) to \(range.upperBound).", "Use 1 to 4094.")
            }
        }
        switch settings.vlan {
        case .untagged: allowed = []
        case .access(let id):
            try check(id, 1...4094)
            allowed = []
        case .trunk(let native, let ids):
            // 4095: untagged frames belong nowhere.
            try check(native, 0...4095)
            for id in ids { try check(id, 1...4094) }
            allowed = Set(ids)
        }
        switch settings.mirroring {
        case "None": mirroring = .none
        case "Source": mirroring = .source
        case "Destination": mirroring = .destination
        default:
            throw refuse("PortMirroringInvalid", "“\(settings.mirroring)” is no kind of mirroring.", "Use None, Source or Destination.")
        }
        guard settings.accessRules.count <= 1024 else {
            throw refuse("AccessRulesTooMany", "it has \(settings.accessRules.count) access rules.", "Use at most 1024.")
        }
        accessList = try settings.accessRules.map { rule in
            guard let entry = AccessEntry(rule) else {
                throw refuse(
                    "AccessRuleInvalid",
                    "the rule \(rule.action) \(rule.direction) “\(rule.localAddress ?? "ANY")” “\(rule.remoteAddress ?? "ANY")” is not understood.",
                    "Use addresses like 10.0.0.5, 10.0.0.0/8, fd00::/64, 00-15-5D-01-23-45 or ANY.")
            }
            return entry
        }
        let extended = settings.extendedRules ?? []
        guard extended.count <= 1024 else {
            throw refuse("AccessRulesTooMany", "it has \(extended.count) extended access rules.", "Use at most 1024.")
        }
        extendedList = try extended.sorted { $0.weight > $1.weight }.map { rule in
            guard let entry = ExtendedEntry(rule) else {
                throw refuse(
                    "AccessRuleInvalid", "the extended rule of weight \(rule.weight) is not understood.", "Use addresses like 10.0.0.0/8.")
            }
            return entry
        }
        (self.mac, vlan, maximumBandwidth) = (mac, settings.vlan, settings.maximumBandwidth.flatMap { $0 == 0 ? nil : $0 })
        (spoofing, dhcpGuard, routerGuard) = (settings.macAddressSpoofing, settings.dhcpGuard, settings.routerGuard)
        isConnected = settings.isConnected
    }

    /// An uplink's port: nothing is forbidden. With `trunk` it carries every network with its tag.
    package init(uplinkTrunk trunk: Bool, mirroring: Mirroring = .none) {
        (mac, maximumBandwidth, spoofing, dhcpGuard, routerGuard) = (nil, nil, true, false, false)
        self.mirroring = mirroring
        (isConnected, accessList, extendedList) = (true, [], [])
        vlan = trunk ? .trunk(native: 0, allowed: []) : .untagged
        allowed = trunk ? Set(1...4094) : []
    }

    var needsHeaders: Bool { dhcpGuard || routerGuard || !accessList.isEmpty || !extendedList.isEmpty }

    /// The network that a frame with this tag belongs to when it comes in here; 0: the untagged one; nil: it may not come in.
    func networkIn(tag: UInt16?) -> Int? {
        // A tag with id 0 carries a priority only.
        let id = Int(tag ?? 0) & 0xFFF
        switch vlan {
        case .untagged: return id == 0 ? 0 : nil
        case .access(let own): return id == 0 ? own : nil
        case .trunk(let native, _): return id == 0 ? (native == 4095 ? nil : native) : allowed.contains(id) ? id : nil
        }
    }

    /// The tag that a frame of `network` carries when it goes out here, `.none` of the inner kind: untagged; nil: it may not go out.
    func tagOut(network: Int, priority: UInt16) -> UInt16?? {
        let tag = priority | UInt16(truncatingIfNeeded: network)
        switch vlan {
        case .untagged: return network == 0 ? .some(nil) : nil
        case .access(let own): return network == own ? .some(nil) : nil
        case .trunk(let native, _):
            if network == native { return .some(nil) }
            return allowed.contains(network) ? .some(tag) : nil
        }
    }
}

/// A rule of a port's access control list.
struct AccessEntry: Sendable {
    enum Action: Sendable { case allow, deny, meter }
    let action: Action
    let isInbound: Bool
    let local: AddressPattern
    let remote: AddressPattern

    init?(_ rule: PortAccessRule) {
        switch rule.action.lowercased() {
        case "allow": action = .allow
        case "deny": action = .deny
        case "meter": action = .meter
        default: return nil
        }
        guard ["inbound", "outbound"].contains(rule.direction.lowercased()), let local = AddressPattern(rule.localAddress ?? "ANY"),
            let remote = AddressPattern(rule.remoteAddress ?? "ANY")
        else { return nil }
        isInbound = rule.direction.lowercased() == "inbound"
        (self.local, self.remote) = (local, remote)
    }

    /// How exactly the rule is about this frame; nil: it is not.
    func match(_ frame: FrameSummary, inbound: Bool) -> Int? {
        guard inbound == isInbound else { return nil }
        let localEnd: KeyPath<FrameSummary, FrameSummary.End> = inbound ? \.destination : \.source
        let remoteEnd: KeyPath<FrameSummary, FrameSummary.End> = inbound ? \.source : \.destination
        // A side that names nothing is fulfilled by whatever the other side's kind is.
        guard let localLength = length(local, other: remote, frame, localEnd),
            let remoteLength = length(remote, other: local, frame, remoteEnd)
        else { return nil }
        return localLength + remoteLength
    }

    private func length(
        _ pattern: AddressPattern, other: AddressPattern, _ frame: FrameSummary, _ end: KeyPath<FrameSummary, FrameSummary.End>
    ) -> Int? {
        if pattern == .any, case .mac = other { return 0 }
        return pattern.length(in: frame, end)
    }
}

extension PortRules {
    /// Whether the list lets the frame through, and which meter counts it. The longest match decides; of equal ones a denial.
    func decide(_ frame: FrameSummary, inbound: Bool) -> (isAllowed: Bool, meter: Int?) {
        var (best, allowed, meter, meterBest) = (-1, true, Int?.none, -1)
        for (index, entry) in accessList.enumerated() {
            guard let length = entry.match(frame, inbound: inbound) else { continue }
            switch entry.action {
            case .meter:
                if length > meterBest { (meterBest, meter) = (length, index) }
            case .allow:
                if length > best { (best, allowed) = (length, true) }
            case .deny:
                if length >= best { (best, allowed) = (length, false) }
            }
        }
        return (allowed, meter)
    }
}

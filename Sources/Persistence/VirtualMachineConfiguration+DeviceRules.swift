import Basics

/// What a VM's devices may be.
extension VirtualMachineConfiguration {
    /// The real module's limits: four SCSI controllers of 64 places, eight synthetic network adapters.
    public static let mostControllers = 4
    public static let locationRange = 0...63
    public static let mostAdapters = 8
    public static let vlanRange = 1...4094
    public static let longestAdapterName = 100
    public static let mostAccessRules = 256

    func checkDevices() throws {
        try checkControllers()
        try checkAdapters()
    }

    private func broken(_ identifier: String, _ message: String, action: String? = nil) -> PersistenceError {
        PersistenceError(identifier, .invalidArgument, message, action: action, target: name)
    }

    private func checkControllers() throws {
        guard controllers.count <= Self.mostControllers else {
            throw broken(
                "ControllerLimit", "“\(name)” would have \(controllers.count) SCSI controllers; \(Self.mostControllers) are possible.")
        }
        guard Set(controllers.map(\.id)).count == controllers.count else {
            throw broken("ControllerInvalid", "Two SCSI controllers of “\(name)” have one id.")
        }
        var places: [String: String] = [:]
        for (number, controller) in controllers.enumerated() {
            var taken: Set<Int> = []
            for drive in controller.drives {
                guard Self.locationRange.contains(drive.location) else {
                    throw broken(
                        "ControllerLocationOutOfRange",
                        "Location \(drive.location) does not exist; a SCSI controller has the locations 0 to \(Self.locationRange.upperBound)."
                    )
                }
                let place = "controller \(number), location \(drive.location)"
                guard taken.insert(drive.location).inserted else {
                    throw broken("ControllerLocationInUse", "There is already a drive on SCSI \(place) of “\(name)”.")
                }
                try check(drive, place)
                guard let path = drive.path, drive.kind == .hardDisk else { continue }
                if let other = places.updateValue(place, forKey: path) {
                    throw broken(
                        "DiskAttachedTwice", "“\(path)” would be attached to “\(name)” twice: \(other) and \(place).",
                        action: "Use another disk, or a differencing disk of its own for each place.")
                }
            }
        }
    }

    private func check(_ drive: Drive, _ place: String) throws {
        guard drive.kind == .dvd || drive.path != nil else {
            throw broken("DiskPathMissing", "The hard disk drive on SCSI \(place) of “\(name)” has no image.")
        }
        guard let path = drive.path else { return }
        guard path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.count < 4096 else {
            throw broken("DiskPathInvalid", "“\(path.prefix(200))” is not an absolute path.")
        }
        let formats = drive.kind == .dvd ? ["ISO"] : ["VHDX", "VHD", "RAW"]
        guard let format = drive.format, formats.contains(format) else {
            throw broken(
                "DiskFormatInvalid",
                "A \(drive.kind == .dvd ? "DVD drive" : "hard disk drive") takes images of the format \(formats.joined(separator: ", ")); “\(path)” is \(drive.format ?? "of none").",
                action: drive.kind == .dvd ? "Add-VMHardDiskDrive attaches hard disks." : "Add-VMDvdDrive takes ISO images.")
        }
    }

    private func checkAdapters() throws {
        guard adapters.count <= Self.mostAdapters else {
            throw broken("AdapterLimit", "“\(name)” would have \(adapters.count) network adapters; \(Self.mostAdapters) are possible.")
        }
        guard Set(adapters.map(\.id)).count == adapters.count else {
            throw broken("AdapterInvalid", "Two network adapters of “\(name)” have one id.")
        }
        var names: [String: String] = [:]
        for adapter in adapters {
            let count = adapter.name.count
            if let flaw = NameRule.flaw(of: adapter.name) ?? (count > Self.longestAdapterName ? "it has \(count) characters" : nil) {
                throw broken(
                    "AdapterNameInvalid", "This cannot be a network adapter's name: \(flaw).",
                    action: "Choose a name of 1 to \(Self.longestAdapterName) characters without control characters.")
            }
            try MACAddress.check(adapter.macAddress, adapter: adapter.name, machine: name)
            if let other = names.updateValue(adapter.name, forKey: adapter.macAddress) {
                throw broken(
                    "MacAddressInUse",
                    "Two network adapters of “\(name)” would have the MAC address \(adapter.macAddress): “\(other)” and “\(adapter.name)”.",
                    action: "Give each its own with Set-VMNetworkAdapter -StaticMacAddress, or let it be drawn with -DynamicMacAddress.")
            }
            if let vlan = adapter.vlan { try check(vlan, adapter.name) }
            guard ["None", "Source", "Destination"].contains(adapter.portMirroring) else {
                throw broken("PortMirroringInvalid", "“\(adapter.portMirroring)” is not one of None, Source and Destination.")
            }
            guard (adapter.accessRules?.count ?? 0) <= Self.mostAccessRules else {
                throw broken("AccessRuleLimit", "“\(adapter.name)” would have more than \(Self.mostAccessRules) access rules.")
            }
            for rule in adapter.accessRules ?? [] { try check(rule, adapter.name) }
            if adapter.isolation != nil, adapter.vlan != nil {
                throw broken(
                    "IsolationAndVlan", "“\(adapter.name)” cannot have a VLAN and isolation at once.",
                    action: "Take one away: Set-VMNetworkAdapterVlan -Untagged, or Set-VMNetworkAdapterIsolation -IsolationMode None")
            }
            let isolationIds = (adapter.routingDomains ?? []).flatMap(\.isolationIds)
            guard isolationIds.allSatisfy({ 1...4094 ~= $0 }), 0...4094 ~= adapter.isolation?.defaultId ?? 0 else {
                throw broken("VlanIdOutOfRange", "An isolation id of “\(adapter.name)” is not within 1 to 4094.")
            }
            guard Set(isolationIds).count == isolationIds.count,
                Set((adapter.routingDomains ?? []).map(\.id)).count == adapter.routingDomains?.count ?? 0
            else {
                throw broken("RoutingDomainExists", "An isolation id or routing domain of “\(adapter.name)” is there twice.")
            }
            try check(extended: adapter.extendedRules ?? [], adapter.name)
        }
    }

    private func check(_ vlan: VLAN, _ adapter: String) throws {
        func check(_ id: Int?, _ what: String, _ range: ClosedRange<Int>) throws {
            guard let id, range.contains(id) else {
                throw broken(
                    "VlanIdOutOfRange",
                    "\(what) \(id.map(String.init) ?? "(none)") of “\(adapter)” is out of range (\(range.lowerBound) to \(range.upperBound))."
                )
            }
        }
        switch vlan.mode {
        case "Untagged": break
        case "Access": try check(vlan.accessId, "VLAN id", Self.vlanRange)
        case "Trunk":
            // The module takes 0 as native id for “untagged frames stay untagged”.
            try check(vlan.nativeId, "Native VLAN id", 0...Self.vlanRange.upperBound)
            guard let ids = vlan.allowedIds, !ids.isEmpty else {
                throw broken("VlanIdOutOfRange", "A trunk needs at least one allowed VLAN id.")
            }
            for id in ids { try check(id, "Allowed VLAN id", Self.vlanRange) }
        default: throw broken("VlanModeInvalid", "“\(vlan.mode)” is not one of Untagged, Access and Trunk.")
        }
    }

    private func check(_ rule: AccessRule, _ adapter: String) throws {
        guard ["Allow", "Deny", "Meter"].contains(rule.action) else {
            throw broken("AccessRuleInvalid", "“\(rule.action)” is not one of Allow, Deny and Meter.")
        }
        guard ["Inbound", "Outbound"].contains(rule.direction) else {
            throw broken("AccessRuleInvalid", "“\(rule.direction)” is not one of Inbound and Outbound.")
        }
        for address in [rule.localAddress, rule.remoteAddress].compactMap({ $0 }) where NetworkPattern(address) == nil {
            throw broken(
                "AccessRuleInvalid",
                "“\(address.prefix(80))” of “\(adapter)” is neither an IP address, a range like 10.0.0.0/8, a MAC address nor ANY."
            )
        }
    }

    private func check(extended rules: [ExtendedRule], _ adapter: String) throws {
        guard rules.count <= Self.mostAccessRules else {
            throw broken("AccessRuleLimit", "“\(adapter)” would have more than \(Self.mostAccessRules) extended access rules.")
        }
        var weights: Set<String> = []
        for rule in rules {
            guard ["Allow", "Deny"].contains(rule.action), ["Inbound", "Outbound"].contains(rule.direction) else {
                throw broken("AccessRuleInvalid", "“\(rule.action) \(rule.direction)” is no extended access rule.")
            }
            guard weights.insert("\(rule.direction) \(rule.weight)").inserted else {
                throw broken(
                    "AccessRuleExists", "“\(adapter)” has two \(rule.direction) rules of weight \(rule.weight); each has its own.",
                    action: "Choose another -Weight, or remove the other rule: Remove-VMNetworkAdapterExtendedAcl")
            }
            guard (rule.transport.map { 0...255 ~= $0 }) ?? true, (rule.idleSessionTimeout.map { 1...86_400 ~= $0 }) ?? true,
                [rule.localPort, rule.remotePort].compactMap(\.self).allSatisfy({ PortRange($0) != nil })
            else {
                throw broken(
                    "AccessRuleInvalid", "A port, protocol or timeout of the rule of weight \(rule.weight) is out of range.",
                    action: "Ports are 0 to 65535 or ranges like 80-90, protocols 0 to 255, timeouts 1 to 86400 seconds.")
            }
            for address in [rule.localAddress, rule.remoteAddress].compactMap(\.self) {
                switch NetworkPattern(address) {
                case .any, .ipv4, .ipv6: break
                default: throw broken("AccessRuleInvalid", "“\(address.prefix(80))” is not an IP address or a range.")
                }
            }
        }
    }
}

/// A port or a range of ports in writing: `80`, `80-90`.
public struct PortRange: Equatable, Sendable {
    public let ports: ClosedRange<Int>

    public init?(_ text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 1 || ends.count == 2, let first = ends[0], let last = ends[ends.count - 1], 0 <= first, first <= last,
            last <= 65_535
        else { return nil }
        ports = first...last
    }
}

import Persistence

/// The features of which a port has one: guards and mirroring, VLAN, bandwidth, isolation, profile. Identifiers, names, settings and their
/// numbers are those of the Msvm_EthernetSwitchPort…SettingData classes.
extension PortFeature {
    private static func native(_ id: String, _ name: String) -> FeatureIdentity { FeatureIdentity(id: id, name: name, source: .native) }

    private static let monitorModes = ["None", "Destination", "Source"]

    static let security = PortFeature(
        identity: native("776e0ba7-94a1-41c8-8f28-951f524251b5", "Ethernet Switch Port Security Settings"), isOfHost: true,
        defaults: [
            ("AllowMacSpoofing", .boolean(false)), ("EnableDhcpGuard", .boolean(false)), ("EnableRouterGuard", .boolean(false)),
            ("MonitorMode", .integer(0)),
        ],
        read: { adapter in
            let mode = monitorModes.firstIndex(of: adapter.portMirroring) ?? 0
            guard adapter.macAddressSpoofing || adapter.dhcpGuard || adapter.routerGuard || mode != 0 else { return [] }
            return [
                Setting(values: [
                    ("AllowMacSpoofing", .boolean(adapter.macAddressSpoofing)), ("EnableDhcpGuard", .boolean(adapter.dhcpGuard)),
                    ("EnableRouterGuard", .boolean(adapter.routerGuard)), ("MonitorMode", .count(mode)),
                ])
            ]
        },
        write: { data, adapter, _ in
            adapter.macAddressSpoofing = try data.truth("AllowMacSpoofing")
            (adapter.dhcpGuard, adapter.routerGuard) = (try data.truth("EnableDhcpGuard"), try data.truth("EnableRouterGuard"))
            adapter.portMirroring = try data.word("MonitorMode", monitorModes)
        },
        remove: { adapter, _ in
            (adapter.macAddressSpoofing, adapter.dhcpGuard, adapter.routerGuard, adapter.portMirroring) = (false, false, false, "None")
        })

    private static let vlanModes = ["Untagged", "Access", "Trunk"]

    static let vlan = PortFeature(
        identity: native("952c5004-4465-451c-8cb8-fa9ab382b773", "Ethernet Switch Port VLAN Settings"), isOfHost: true,
        defaults: [
            ("OperationMode", .integer(1)), ("AccessVlanId", .integer(0)), ("NativeVlanId", .integer(0)), ("TrunkVlanIdArray", .list([])),
        ],
        read: { adapter in
            guard let vlan = adapter.vlan, let mode = vlanModes.firstIndex(of: vlan.mode), mode > 0 else { return [] }
            return [
                Setting(values: [
                    ("OperationMode", .count(mode)), ("AccessVlanId", .count(vlan.accessId ?? 0)),
                    ("NativeVlanId", .count(vlan.nativeId ?? 0)), ("TrunkVlanIdArray", .list((vlan.allowedIds ?? []).map { .count($0) })),
                ])
            ]
        },
        write: { data, adapter, _ in
            let mode = try data.word("OperationMode", vlanModes)
            var vlan = VirtualMachineConfiguration.VLAN(mode: mode)
            let access = try Int(data.number("AccessVlanId", 0...4094))
            switch mode {
            case "Access" where access != 0: vlan.accessId = access
            case "Trunk":
                vlan.nativeId = try Int(data.number("NativeVlanId", 0...4094))
                vlan.allowedIds = try data.numbers("TrunkVlanIdArray")
                guard vlan.allowedIds?.isEmpty == false else {
                    throw data.refuse("a trunk without VLANs.", action: "Put their ids into TrunkVlanIdArray.")
                }
            default:
                adapter.vlan = nil
                return
            }
            adapter.vlan = vlan
        },
        remove: { adapter, _ in adapter.vlan = nil })

    static let bandwidth = PortFeature(
        identity: native("24ad3ce1-69bd-4978-b2ac-daad389d699c", "Ethernet Switch Port Bandwidth Settings"),
        defaults: [("Limit", .integer(0))],
        read: { adapter in adapter.maximumBandwidth.map { [Setting(values: [("Limit", .count($0))])] } ?? [] },
        write: { data, adapter, _ in
            let limit = try data.number("Limit", 0...Int64.max)
            adapter.maximumBandwidth = limit == 0 ? nil : UInt64(limit)
        },
        remove: { adapter, _ in adapter.maximumBandwidth = nil })

    private static let isolationModes = ["None", "", "", "Vlan"]

    static let isolation = PortFeature(
        identity: native("83af2ccb-72c9-4479-a285-94e58a98caa6", "Ethernet Switch Port Isolation Settings"),
        defaults: [
            ("IsolationMode", .integer(0)), ("AllowUntaggedTraffic", .boolean(false)), ("DefaultIsolationId", .integer(0)),
            ("EnableMultiTenantStack", .boolean(false)),
        ],
        read: { adapter in
            guard let isolation = adapter.isolation else { return [] }
            return [
                Setting(values: [
                    ("IsolationMode", .integer(3)), ("AllowUntaggedTraffic", .boolean(isolation.allowsUntagged)),
                    ("DefaultIsolationId", .count(isolation.defaultId)), ("EnableMultiTenantStack", .boolean(isolation.isMultiTenant)),
                ])
            ]
        },
        write: { data, adapter, _ in
            guard try data.word("IsolationMode", isolationModes) == "Vlan" else {
                adapter.isolation = nil
                return
            }
            var isolation = VirtualMachineConfiguration.Isolation()
            isolation.allowsUntagged = try data.truth("AllowUntaggedTraffic")
            isolation.defaultId = try Int(data.number("DefaultIsolationId", 0...4094))
            isolation.isMultiTenant = try data.truth("EnableMultiTenantStack")
            adapter.isolation = isolation
        },
        remove: { adapter, _ in adapter.isolation = nil })

    static let profile = PortFeature(
        identity: native("9940cd46-8b06-43bb-b9d5-93d50381fd56", "Ethernet Switch Port Profile Settings"),
        defaults: values(of: .init()),
        read: { adapter in adapter.profile.map { [Setting(values: values(of: $0))] } ?? [] },
        write: { data, adapter, _ in
            var profile = VirtualMachineConfiguration.PortProfile()
            (profile.profileName, profile.profileId) = (try data.text("ProfileName"), try data.text("ProfileId"))
            (profile.vendorName, profile.vendorId) = (try data.text("VendorName"), try data.text("VendorId"))
            profile.profileData = try Int(data.number("ProfileData", 0...Int64(UInt32.max)))
            profile.netCfgInstanceId = try data.text("NetCfgInstanceId")
            profile.cdnLabelId = try Int(data.number("CdnLabelId", 0...Int64(UInt32.max)))
            profile.cdnLabelString = try data.text("CdnLabelString")
            let texts = [
                profile.profileName, profile.profileId, profile.vendorName, profile.vendorId, profile.netCfgInstanceId,
                profile.cdnLabelString,
            ]
            guard texts.allSatisfy({ $0.utf8.count <= 256 }) else { throw data.refuse("a text of more than 256 bytes.") }
            adapter.profile = profile
        },
        remove: { adapter, _ in adapter.profile = nil })

    private static func values(of profile: VirtualMachineConfiguration.PortProfile) -> [(name: String, value: Value)] {
        [
            ("ProfileName", .string(profile.profileName)), ("ProfileId", .string(profile.profileId)),
            ("VendorName", .string(profile.vendorName)), ("VendorId", .string(profile.vendorId)),
            ("ProfileData", .count(profile.profileData)), ("NetCfgInstanceId", .string(profile.netCfgInstanceId)),
            ("CdnLabelId", .count(profile.cdnLabelId)), ("CdnLabelString", .string(profile.cdnLabelString)),
        ]
    }
}

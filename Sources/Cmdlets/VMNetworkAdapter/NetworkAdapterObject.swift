import Basics
import Management
import Persistence
import WorkerProtocol

/// A network adapter of a virtual machine.
final class NetworkAdapterObject: MachinePart {
    let machine: VirtualMachine
    let id: GUID
    /// As last seen, for messages.
    private let name: String

    init(_ machine: VirtualMachine, _ adapter: VirtualMachineConfiguration.NetworkAdapter) {
        (self.machine, id, name) = (machine, adapter.id, adapter.name)
    }

    var type: ObjectType { .vmNetworkAdapter }
    var identity: String { "\(machine.id)\\\(id)" }
    var displayName: String { name }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let adapter = view.configuration.adapters.first(where: { $0.id == id }) else { return nil }
        let report = view.guest?.adapters.first { $0.id == id }
        let switchName = adapter.switchId.flatMap { machine.host.switchName(id: $0) ?? adapter.switchName }
        let status = Self.status(adapter, report)
        func onOff(_ value: Bool) -> Value { .string(value ? "On" : "Off") }
        return [
            ("Name", .string(adapter.name)), ("Id", .string("Microsoft:\(machine.id)\\\(id)")), ("AdapterId", .string(id.description)),
            ("IsManagementOs", .boolean(false)), ("IsExternalAdapter", .boolean(false)), ("IsLegacy", .boolean(false)),
            ("IsSynthetic", .boolean(true)), ("SwitchName", .string(switchName ?? "")),
            ("SwitchId", adapter.switchId.map { .string($0.description) } ?? .null), ("Connected", .boolean(adapter.switchId != nil)),
            ("MacAddress", .string(adapter.macAddress)), ("DynamicMacAddressEnabled", .boolean(adapter.dynamicMacAddress)),
            ("Status", .list(status.map { .string($0) })), ("StatusDescription", .list(status.map { .string($0 == "Ok" ? "OK" : $0) })),
            ("IPAddresses", .list((report?.ipAddresses ?? []).map { .string($0) })),
            ("MacAddressSpoofing", onOff(adapter.macAddressSpoofing)),
            ("DhcpGuard", onOff(adapter.dhcpGuard)), ("RouterGuard", onOff(adapter.routerGuard)),
            ("PortMirroringMode", .string(adapter.portMirroring)), ("AllowTeaming", onOff(false)), ("DeviceNaming", onOff(false)),
            ("BandwidthSetting", Self.bandwidth(adapter)), ("VlanSetting", .object(VlanSettingObject(machine, adapter))),
            ("AclList", .list((adapter.accessRules ?? []).map { .object(AccessRuleObject(machine, adapter: id, name: adapter.name, $0)) })),
            ("PoolName", .string(machine.host.poolName(adapter.pool))), ("LinkUp", .boolean(report?.isLinkUp ?? false)),
            ("ReceivedPackets", .count(report?.receivedPackets ?? 0)), ("ReceivedBytes", .count(report?.receivedBytes ?? 0)),
            ("SentPackets", .count(report?.sentPackets ?? 0)), ("SentBytes", .count(report?.sentBytes ?? 0)),
            ("DroppedPackets", .count(report?.droppedPackets ?? 0)),
        ]
    }

    /// Empty while the machine is off, as in the module.
    private static func status(
        _ adapter: VirtualMachineConfiguration.NetworkAdapter, _ report: GuestInformation.Adapter?
    ) -> [String] {
        guard let report else { return [] }
        guard report.isOpen else { return ["NoContact"] }
        return [adapter.switchId == nil || report.isLinkUp ? "Ok" : "LostCommunication"]
    }

    private static func bandwidth(_ adapter: VirtualMachineConfiguration.NetworkAdapter) -> Value {
        guard let maximum = adapter.maximumBandwidth else { return .null }
        return .record(Record(typeName: "VMNetworkAdapterBandwidthSetting", [("MaximumBandwidth", .count(maximum))]))
    }
}

extension ObjectType {
    static let vmNetworkAdapter = ObjectType(
        name: "VMNetworkAdapter",
        properties: [
            .init("Name", "String", "Its name."),
            .init("Id", "String", "Identifier of this part."),
            .init("AdapterId", "String", "Identifier that never changes."),
            .init("IsManagementOs", "Boolean", "True: it is the host's, not a virtual machine's."),
            .init("IsExternalAdapter", "Boolean", "False."),
            .init("IsLegacy", "Boolean", "False: it is a synthetic one."),
            .init("IsSynthetic", "Boolean", "True."),
            .init("SwitchName", "String", "The switch it is connected to; empty: none."),
            .init("SwitchId", "Guid", "Identifier of that switch; nil: none."),
            .init("Connected", "Boolean", "Whether it is connected to a switch."),
            .init("MacAddress", "String", "Its MAC address, twelve digits."),
            .init("DynamicMacAddressEnabled", "Boolean", "Whether the address was drawn."),
            .init(
                "Status", "VMNetworkAdapterOperationalStatus[]",
                "Ok, NoContact (the guest has no driver), LostCommunication; empty when off."),
            .init("StatusDescription", "String[]", "Status in words."),
            .init("IPAddresses", "String[]", "What the guest reports."),
            .init("MacAddressSpoofing", "OnOffState", "Whether the guest may send from other addresses."),
            .init("DhcpGuard", "OnOffState", "Whether offers of DHCP from the guest are dropped."),
            .init("RouterGuard", "OnOffState", "Whether router advertisements from the guest are dropped."),
            .init("PortMirroringMode", "VMNetworkAdapterPortMirroringMode", "None, Source or Destination."),
            .init("AllowTeaming", "OnOffState", "Off."),
            .init("DeviceNaming", "OnOffState", "Off."),
            .init("BandwidthSetting", "VMNetworkAdapterBandwidthSetting", "Limits of bandwidth; nil: none."),
            .init("VlanSetting", "VMNetworkAdapterVlanSetting", "Its VLAN."),
            .init("AclList", "VMNetworkAdapterAclSetting[]", "Its access rules."),
            .init("PoolName", "String", "Its resource pool."),
            .init("HostInterface", "String", "Of the host: its network interface while the switch runs."),
            .init("LinkUp", "Boolean", "Whether its switch runs and takes frames."),
            .init("ReceivedPackets", "UInt64", "Packets the guest received since the worker began."),
            .init("ReceivedBytes", "UInt64", "Bytes the guest received."),
            .init("SentPackets", "UInt64", "Packets the guest sent."),
            .init("SentBytes", "UInt64", "Bytes the guest sent."),
            .init("DroppedPackets", "UInt64", "Packets that were dropped."),
        ] + ComponentObject.common)
}

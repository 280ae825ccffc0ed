import Basics
import Management

/// An adapter of the host on a virtual switch, as -ManagementOS means them. It is a VMNetworkAdapter like those of machines.
final class HostAdapterObject: LiveObject {
    let adapter: HostAdapter
    private let name: String

    init(_ adapter: HostAdapter, name: String) { (self.adapter, self.name) = (adapter, name) }

    var type: ObjectType { .vmNetworkAdapter }
    var identity: String { "host\\\(adapter.id)" }
    var displayName: String { name }

    func snapshot() throws -> Record {
        guard let now = try adapter.settings() else {
            let known: [String: Value] = ["Name": .string(name), "IsManagementOs": .boolean(true), "IsDeleted": .boolean(true)]
            return Record(typeName: type.name, type.properties.map { ($0.name, known[$0.name] ?? .null) })
        }
        let address = adapter.macAddress
        func onOff(_ value: Bool) -> Value { .string(value ? "On" : "Off") }
        let known: [String: Value] = [
            "Name": .string(now.name), "Id": .string("Host\\\(adapter.id)"), "AdapterId": .string(adapter.id.description),
            "IsManagementOs": .boolean(true), "IsExternalAdapter": .boolean(false), "IsLegacy": .boolean(false),
            "IsSynthetic": .boolean(true), "SwitchName": .string(adapter.virtualSwitch.name),
            "SwitchId": .string(adapter.virtualSwitch.id.description), "Connected": .boolean(true),
            "MacAddress": .string(address ?? ""), "DynamicMacAddressEnabled": .boolean(true),
            "Status": .list(address == nil ? [] : [.string("Ok")]), "StatusDescription": .list(address == nil ? [] : [.string("OK")]),
            "IPAddresses": .list([]), "MacAddressSpoofing": onOff(true), "DhcpGuard": onOff(now.dhcpGuard),
            "RouterGuard": onOff(now.routerGuard), "PortMirroringMode": .string(now.portMirroring), "AllowTeaming": onOff(false),
            "DeviceNaming": onOff(false), "VlanSetting": .object(HostVlanSettingObject(adapter, name: now.name)), "AclList": .list([]),
            "PoolName": .string("Primordial"), "LinkUp": .boolean(address != nil), "HostInterface": .string(adapter.interface),
            "ComputerName": .string(LocalHost.name), "IsDeleted": .boolean(false),
        ]
        return Record(typeName: type.name, type.properties.map { ($0.name, known[$0.name] ?? .null) })
    }
}

/// The VLAN of an adapter of the host.
final class HostVlanSettingObject: LiveObject {
    private let adapter: HostAdapter
    private let name: String

    init(_ adapter: HostAdapter, name: String) { (self.adapter, self.name) = (adapter, name) }

    var type: ObjectType { .vlanSetting }
    var identity: String { "host\\\(adapter.id)\\VLAN" }
    var displayName: String { "VLAN of \(name)" }

    func snapshot() throws -> Record {
        var known: [String: Value] = ["IsDeleted": .boolean(true), "VMNetworkAdapterName": .string(name)]
        if let now = try adapter.settings() {
            for field in VlanSettingObject.fields(of: now.vlan) { known[field.name] = field.value }
            known["VMNetworkAdapterName"] = .string(now.name)
            known["ParentAdapter"] = .object(HostAdapterObject(adapter, name: now.name))
            (known["ComputerName"], known["IsDeleted"]) = (.string(LocalHost.name), .boolean(false))
        }
        return Record(typeName: type.name, type.properties.map { ($0.name, known[$0.name] ?? .null) })
    }
}

extension HostAdapterObject {
    /// The host's adapters that -Name, -VMNetworkAdapterName and -SwitchName pick. A name without wildcards that none has is an error.
    /// For Add-VMNetworkAdapter, whose name is that of a new one, it is the switch.
    static func chosen(_ arguments: BoundArguments, _ cmdlet: Cmdlet, _ host: VirtualMachineHost) throws -> [any LiveObject] {
        var all = try host.hostAdapters()
        let switchName = arguments["SwitchName"]?.stringValue
        if cmdlet.name == "Add-VMNetworkAdapter" {
            guard let switchName else {
                throw ErrorRecord(
                    "\(cmdlet.name) -ManagementOS needs -SwitchName: an adapter of the host is on a switch.", "SwitchMissing",
                    .invalidArgument, action: "Get-VMSwitch lists the switches.", cmdlet: cmdlet.name)
            }
            return [VirtualSwitchObject(try host.virtualSwitch(named: switchName))]
        }
        if let name = switchName {
            let wanted = try host.virtualSwitch(named: name)
            all = all.filter { $0.adapter.virtualSwitch == wanted }
        }
        let names = (arguments["Name"] ?? arguments["VMNetworkAdapterName"])?.elements.map(\.text)
        var found: [HostAdapterObject] = []
        for name in names ?? ["*"] {
            let pattern = WildcardPattern(name)
            let matching = all.filter { pattern.matches($0.settings.name) || $0.settings.name.lowercased() == name.lowercased() }
            if matching.isEmpty, !WildcardPattern.isPattern(name) {
                throw ErrorRecord(
                    "The host has no adapter “\(name)”.\(Spelling.hint(name, among: all.map(\.settings.name)))", "AdapterNotFound",
                    .objectNotFound, target: name, action: "Get-VMNetworkAdapter -ManagementOS lists those it has.", cmdlet: cmdlet.name)
            }
            found += matching.map { HostAdapterObject($0.adapter, name: $0.settings.name) }
        }
        return found
    }
}

extension Invocation {
    /// Refuses parameters that mean nothing for an adapter of the host.
    func refuseForHost(_ parameters: [String]) throws {
        guard let wrong = parameters.first(where: isGiven) else { return }
        throw ErrorRecord(
            "\(cmdlet.name) -\(wrong) cannot be set for an adapter of the host.", "AdapterOfHost", .invalidArgument,
            action: "The host's own tools (ip link) set what its kernel does.", cmdlet: cmdlet.name)
    }
}

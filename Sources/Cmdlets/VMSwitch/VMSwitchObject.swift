import Basics
import Management
import Persistence
import WorkerProtocol

/// A virtual switch as a live handle.
public final class VirtualSwitchObject: LiveObject {
    public let virtualSwitch: VirtualSwitch
    public init(_ virtualSwitch: VirtualSwitch) { self.virtualSwitch = virtualSwitch }

    public var type: ObjectType { Self.objectType }
    public var identity: String { virtualSwitch.id.description }
    public var displayName: String { virtualSwitch.name }

    public func snapshot() throws -> Record {
        let configuration: SwitchConfiguration
        do {
            configuration = try virtualSwitch.configuration()
        } catch let error as ManagementError where error.identifier == "SwitchNotFound" {
            return Record(
                typeName: "VMSwitch",
                Self.objectType.properties.map {
                    (
                        $0.name,
                        $0.name == "Name" ? .string(displayName) : $0.name == "Id" ? .string(identity) : .boolean($0.name == "IsDeleted")
                    )
                }.map { ($0.0, ["Name", "Id", "IsDeleted"].contains($0.0) ? $0.1 : .null) })
        }
        // What cannot be asked is not known; the configuration is.
        let status = (try? virtualSwitch.status()) ?? nil
        let adapter = configuration.netAdapterName
        let values: [String: Value] = [
            "Name": .string(configuration.name), "Id": .string(identity), "SwitchType": .string(configuration.switchType.rawValue),
            "Notes": .string(configuration.notes), "NetAdapterInterfaceDescription": adapter.map { .string($0) } ?? .null,
            "NetAdapterInterfaceDescriptions": configuration.uplinkNames.isEmpty
                ? .null : .list(configuration.uplinkNames.map { .string($0) }),
            "NetAdapterName": adapter.map { .string($0) } ?? .null, "AllowManagementOS": .boolean(configuration.allowManagementOS),
            "BandwidthReservationMode": .string("None"), "IovEnabled": .boolean(false), "IovSupport": .boolean(false),
            "EmbeddedTeamingEnabled": .boolean(configuration.netAdapterNames != nil), "PacketDirectEnabled": .boolean(false),
            "PacketDirectInUse": .boolean(false),
            "ComputerName": .string(LocalHost.name), "IsDeleted": .boolean(false),
            "NatSubnet": configuration.natSubnet.map { .string($0) } ?? .null, "PortCount": .count(status?.ports.count ?? 0),
            "HostInterface": status?.hostInterface.map { .string($0) } ?? .null,
            "ProcessId": status.map { .count($0.processId) } ?? .null,
            "Path": .string("\(virtualSwitch.host.storePath)/Switches/\(identity)"),
        ]
        return Record(typeName: "VMSwitch", Self.objectType.properties.map { ($0.name, values[$0.name] ?? .null) })
    }

    public static let objectType = ObjectType(
        name: "VMSwitch",
        properties: [
            .init("Name", "String", "Name, unique in the store without regard to letter case."),
            .init("SwitchType", "VMSwitchType", "Private, Internal, External or NAT."),
            .init("NetAdapterInterfaceDescription", "String", "External: the host's bridge or TAP device."),
            .init("NetAdapterInterfaceDescriptions", "String[]", "All bridges or TAP devices of it."),
            .init("NetAdapterName", "String", "As NetAdapterInterfaceDescription."),
            .init("AllowManagementOS", "Boolean", "Whether this host itself is on it."),
            .init("Notes", "String", "Free text of its owner."),
            .init("Id", "Guid", "Identifier that never changes."),
            .init("BandwidthReservationMode", "VMSwitchBandwidthMode", "None: no bandwidth is reserved."),
            .init("IovEnabled", "Boolean", "False: there is no SR-IOV."),
            .init("IovSupport", "Boolean", "False: there is no SR-IOV."),
            .init("EmbeddedTeamingEnabled", "Boolean", "Whether its adapters are a team."),
            .init("PacketDirectEnabled", "Boolean", "False: there is no packet direct path."),
            .init("PacketDirectInUse", "Boolean", "False: there is no packet direct path."),
            .init("ComputerName", "String", "The host it is on."),
            .init("IsDeleted", "Boolean", "Whether it has been removed."),
            .init("NatSubnet", "String", "NAT: the network behind it."),
            .init("PortCount", "Int32", "Adapters of running machines that are connected."),
            .init("HostInterface", "String", "Internal, external: the host's interface while it runs."),
            .init("ProcessId", "Int32", "Its process; nil when no running machine is connected."),
            .init("Path", "String", "Its folder; mirror.pcap in it holds mirrored traffic."),
        ])
}

extension LiveObject {
    /// The switch that a target is.
    func virtualSwitch() throws -> VirtualSwitch {
        guard let object = self as? VirtualSwitchObject else {
            throw ErrorRecord("“\(displayName)” is no virtual switch.", "SwitchMissing", .invalidArgument, target: displayName)
        }
        return object.virtualSwitch
    }
}

extension Parameter {
    static func switchName(many: Bool = true, mandatory: Bool = true, sets: [String], pipeline: PipelineBinding = .byValue) -> Parameter {
        Parameter(
            "Name", .name(of: "VMSwitch"), "Names of virtual switches; wildcards are accepted.", aliases: ["SwitchName"], sets: sets,
            mandatory: mandatory, position: 0, pipeline: pipeline, many: many, wildcards: true)
    }

    static func switchObject(many: Bool = true, sets: [String]) -> Parameter {
        Parameter(
            "VMSwitch", .object("VMSwitch"), "Virtual switches, as Get-VMSwitch gives them.", sets: sets, mandatory: true, position: 0,
            pipeline: .byValue, many: many)
    }

    static func switchPool(_ summary: String = "Only switches of these resource pools.", position: Int = 1) -> Parameter {
        Parameter(
            "ResourcePoolName", .string, summary, position: position, many: true)
    }

    static let bandwidthReservation = Parameter.Effect.noEffect(
        "bandwidth is limited (Set-VMNetworkAdapter -MaximumBandwidth), not reserved")
    static let hardwarePath = Parameter.Effect.noEffect(
        "frames go through memory shared with the switch, not through a card's own functions")
}

import Basics
import Management
import Persistence

/// A port of the host that leads to a guest behind a NAT switch.
final class NetNatStaticMappingObject: LiveObject {
    let virtualSwitch: VirtualSwitch
    let mapping: SwitchConfiguration.Mapping

    init(_ virtualSwitch: VirtualSwitch, _ mapping: SwitchConfiguration.Mapping) {
        (self.virtualSwitch, self.mapping) = (virtualSwitch, mapping)
    }

    var type: ObjectType { Self.objectType }
    var identity: String { "\(virtualSwitch.id)\\\(mapping.id)" }
    var displayName: String { "\(virtualSwitch.name);\(mapping.id)" }

    func snapshot() throws -> Record {
        let isThere = (try? virtualSwitch.configuration())?.mappings?.contains(mapping) ?? false
        return Record(
            typeName: Self.objectType.name,
            [
                ("StaticMappingID", .count(mapping.id)), ("NatName", .string(virtualSwitch.name)), ("Protocol", .string(mapping.transport)),
                ("RemoteExternalIPAddressPrefix", .string("0.0.0.0/0")), ("ExternalIPAddress", .string(mapping.externalAddress)),
                ("ExternalPort", .count(mapping.externalPort)), ("InternalIPAddress", .string(mapping.internalAddress)),
                ("InternalPort", .count(mapping.internalPort)), ("Active", .boolean(try isThere && virtualSwitch.status() != nil)),
                ("IsDeleted", .boolean(!isThere)),
            ])
    }

    static let objectType = ObjectType(
        name: "NetNatStaticMapping",
        properties: [
            .init("StaticMappingID", "UInt32", "Number of the mapping, unique in the store."),
            .init("NatName", "String", "The NAT switch."),
            .init("Protocol", "String", "TCP or UDP."),
            .init("RemoteExternalIPAddressPrefix", "String", "Who may connect: everybody."),
            .init("ExternalIPAddress", "String", "The host's address; 0.0.0.0: all."),
            .init("ExternalPort", "UInt16", "The host's port."),
            .init("InternalIPAddress", "String", "The guest's address."),
            .init("InternalPort", "UInt16", "The guest's port."),
            .init("Active", "Boolean", "Whether the port is open now: the switch runs."),
            .init("IsDeleted", "Boolean", "Whether it has been removed."),
        ])

    /// Mappings of the store that fit what was given.
    static func find(_ invocation: any Invocation) throws -> [NetNatStaticMappingObject] {
        let names = invocation.list("NatName")?.map { WildcardPattern($0.text) }
        let ids = invocation.list("StaticMappingID").map { Set($0.compactMap(\.integerValue)) }
        var found: [NetNatStaticMappingObject] = []
        for virtualSwitch in try invocation.context.host.switches() {
            if let names, !names.contains(where: { $0.matches(virtualSwitch.name) }) { continue }
            for mapping in (try? virtualSwitch.configuration().mappings) ?? [] {
                if let ids, !ids.contains(Int64(mapping.id)) { continue }
                found.append(NetNatStaticMappingObject(virtualSwitch, mapping))
            }
        }
        for name in invocation.list("NatName")?.map(\.text) ?? [] where !WildcardPattern.isPattern(name) {
            _ = try invocation.context.host.virtualSwitch(named: name)
        }
        for id in ids?.sorted() ?? [] where !found.contains(where: { $0.mapping.id == Int(id) }) {
            try invocation.report(
                ErrorRecord(
                    "There is no mapping with the number \(id).", "MappingNotFound", .objectNotFound, target: String(id),
                    action: "Get-NetNatStaticMapping lists those that exist."))
        }
        return found
    }
}

extension Parameter {
    static func mappingIds(_ set: String) -> Parameter {
        Parameter(
            "StaticMappingID", .integer(0...4_294_967_295), "Numbers of mappings.", aliases: ["ID"], sets: [set], pipeline: .byPropertyName,
            many: true)
    }

    static func natNames(_ set: String) -> Parameter {
        Parameter(
            "NatName", .string, "Names of NAT switches; wildcards are accepted.", sets: [set], pipeline: .byPropertyName, many: true,
            wildcards: true)
    }
}

extension Cmdlet {
    private static let port: ParameterType = .integer(1...65_535)

    /// `Add-NetNatStaticMapping`.
    static let addNetNatStaticMapping = Cmdlet(
        "Add", "NetNatStaticMapping", synopsis: "Leads a port of this host to a virtual machine behind a NAT switch.",
        details: "It acts at once where the switch runs. A port below 1024 needs the privilege to open it.",
        departures: ["-NatName is the name of a NAT switch (New-VMSwitch -SwitchType NAT).", "Both ports must be given."],
        sets: [.init("Default", shape: .one)],
        parameters: [
            Parameter("NatName", .string, "The NAT switch.", mandatory: true, position: 0, pipeline: .byPropertyName),
            Parameter("Protocol", .enumeration("Protocol", ["TCP", "UDP"]), "TCP or UDP.", mandatory: true, pipeline: .byPropertyName),
            Parameter(
                "ExternalIPAddress", .string, "An IPv4 address of this host; 0.0.0.0: all of them.", mandatory: true,
                pipeline: .byPropertyName),
            Parameter("ExternalPort", port, "The host's port.", mandatory: true, pipeline: .byPropertyName),
            Parameter("InternalIPAddress", .string, "The guest's address.", mandatory: true, pipeline: .byPropertyName),
            Parameter("InternalPort", port, "The guest's port.", mandatory: true, pipeline: .byPropertyName),
            Parameter(
                "RemoteExternalIPAddressPrefix", .string, "Who may connect.",
                effect: .refused("the guest sees every connection come from the switch's gateway; filter in the host's firewall")),
            Parameter(
                "InternalRoutingDomainId", .guid, "A routing domain.", effect: .refused("there are no routing domains")),
        ],
        output: "NetNatStaticMapping",
        examples: [
            Example(
                "Add-NetNatStaticMapping -NatName lan -Protocol TCP -ExternalIPAddress 127.0.0.1 -ExternalPort 2222 -InternalIPAddress 192.168.50.15 -InternalPort 22",
                "ssh -p 2222 127.0.0.1 reaches the guest.")
        ],
        body: .perCall { invocation in
            let virtualSwitch = try invocation.context.host.virtualSwitch(named: invocation.string("NatName") ?? "")
            let mapping = try virtualSwitch.addMapping(
                transport: invocation.string("Protocol") ?? "TCP", externalAddress: invocation.string("ExternalIPAddress") ?? "",
                externalPort: Int(invocation.integer("ExternalPort") ?? 0), internalAddress: invocation.string("InternalIPAddress") ?? "",
                internalPort: Int(invocation.integer("InternalPort") ?? 0))
            try invocation.emit(.object(NetNatStaticMappingObject(virtualSwitch, mapping)))
        })

    /// `Get-NetNatStaticMapping`.
    static let getNetNatStaticMapping = Cmdlet(
        "Get", "NetNatStaticMapping", synopsis: "Gets the ports of this host that lead to virtual machines behind NAT switches.",
        sets: [.init("ByName", isDefault: true, shape: .many), .init("ByID", shape: .many)],
        parameters: [.natNames("ByName"), .mappingIds("ByID")],
        output: "NetNatStaticMapping",
        examples: [Example("Get-NetNatStaticMapping -NatName lan", "Those of the switch lan.")],
        body: .perCall { invocation in
            for mapping in try NetNatStaticMappingObject.find(invocation) { try invocation.emit(.object(mapping)) }
        })

    /// `Remove-NetNatStaticMapping`.
    static let removeNetNatStaticMapping = Cmdlet(
        "Remove", "NetNatStaticMapping", synopsis: "Closes ports of this host that lead to virtual machines behind NAT switches.",
        departures: ["Without -NatName and -StaticMappingID it is an error; the real one removes them all."],
        sets: [
            .init("ByName", isDefault: true, shape: .nothing), .init("ByID", shape: .nothing),
            .init("InputObject", shape: .nothing),
        ],
        parameters: [
            .natNames("ByName"), .mappingIds("ByID"),
            Parameter(
                "InputObject", .object("NetNatStaticMapping"), "Mappings, as Get-NetNatStaticMapping gives them.", sets: ["InputObject"],
                mandatory: true, pipeline: .byValue, many: true),
        ],
        examples: [Example("Remove-NetNatStaticMapping -StaticMappingID 0", "Closes the port of mapping 0.")],
        shouldProcess: true,
        body: .perCall { invocation in
            let mappings: [NetNatStaticMappingObject]
            if let given = invocation.list("InputObject") {
                mappings = given.compactMap { if case .object(let object) = $0 { object as? NetNatStaticMappingObject } else { nil } }
            } else {
                guard invocation.isGiven("NatName") || invocation.isGiven("StaticMappingID") else {
                    throw ErrorRecord(
                        "Remove-NetNatStaticMapping needs -NatName or -StaticMappingID.", "ParameterMissing", .invalidArgument,
                        action: "Use -NatName * for all.", cmdlet: "Remove-NetNatStaticMapping")
                }
                mappings = try NetNatStaticMappingObject.find(invocation)
            }
            for mapping in mappings where try invocation.shouldProcess(mapping.displayName, "Remove-NetNatStaticMapping") {
                try mapping.virtualSwitch.removeMapping(id: mapping.mapping.id)
            }
        })
}

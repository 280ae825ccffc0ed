import Management
import Persistence

extension Cmdlet {
    /// `New-VMSwitch`.
    static let newVMSwitch = Cmdlet(
        "New", "VMSwitch", synopsis: "Makes a virtual switch.",
        details:
            "Private: virtual machines only. Internal: this host too, through a TAP device of its own. External: the network of a bridge or TAP device (-NetAdapterName). NAT: virtual machines reach what this host reaches, get addresses and names by DHCP and DNS, and need no privilege; Add-NetNatStaticMapping leads ports of the host to them. In a NAT switch's network .2 is the gateway, .3 the name server, and addresses are given out from .15 on.",
        departures: [
            "-SwitchType NAT and -NatSubnet are ours; the real host needs an internal switch and New-NetNat.",
            "-NetAdapterName takes a bridge or a TAP device; a plain card must be put into a bridge first.",
            "Names are unique within a store, without regard to letter case.",
        ],
        sets: [
            .init("NetAdapterName", isDefault: true, shape: .one), .init("NetAdapterInterfaceDescription", shape: .one),
            .init("SwitchType", shape: .one),
        ],
        parameters: [
            Parameter("Name", .string, "Name of the new switch.", aliases: ["SwitchName"], mandatory: true, position: 0),
            Parameter(
                "NetAdapterName", .string, "The host's bridge or TAP device.", aliases: ["InterfaceAlias"], sets: ["NetAdapterName"],
                mandatory: true, pipeline: .byPropertyName, many: true),
            Parameter(
                "NetAdapterInterfaceDescription", .string, "The host's bridge or TAP device, by description.",
                aliases: ["InterfaceDescription"], sets: ["NetAdapterInterfaceDescription"], mandatory: true, pipeline: .byPropertyName,
                many: true, effect: .refused("interfaces have names only here; use -NetAdapterName")),
            Parameter(
                "SwitchType", .enumeration("VMSwitchType", ["Internal", "Private", "NAT"]), "Its kind.", sets: ["SwitchType"],
                mandatory: true),
            Parameter(
                "NatSubnet", .string, "With -SwitchType NAT: its network, like 192.168.100.0/24; without it a free one is chosen.",
                sets: ["SwitchType"], ours: true),
            Parameter(
                "AllowManagementOS", .boolean, "Whether this host is on the switch.",
                sets: ["NetAdapterName", "NetAdapterInterfaceDescription"],
                effect: .noEffect("the host is on the bridge's network in any case")),
            Parameter("Notes", .string, "Free text.", allowsEmpty: true),
            Parameter(
                "MinimumBandwidthMode", .enumeration("VMSwitchBandwidthMode", ["Default", "Weight", "Absolute", "None"]),
                "How bandwidth is reserved.", effect: Parameter.bandwidthReservation),
            Parameter("EnableIov", .boolean, "SR-IOV.", effect: Parameter.hardwarePath),
            Parameter("EnablePacketDirect", .boolean, "The packet direct path.", effect: Parameter.hardwarePath),
            Parameter(
                "EnableEmbeddedTeaming", .boolean, "Teaming of several cards.",
                effect: .refused("team cards on the host (a bond) and put the bond into a bridge")),
        ] + Parameter.remote(sets: []).map(\.remoteByProperty),
        output: "VMSwitch",
        examples: [
            Example("New-VMSwitch inside -SwitchType Private", "A switch for virtual machines among themselves."),
            Example(
                "New-VMSwitch lan -SwitchType NAT -NatSubnet 192.168.50.0/24", "A switch that leads out without privilege."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let name = invocation.string("Name") ?? ""
            let adapters = invocation.list("NetAdapterName") ?? []
            let kind = adapters.isEmpty ? SwitchConfiguration.Kind(rawValue: invocation.string("SwitchType") ?? "") ?? .private : .external
            guard adapters.count <= 1 else {
                throw ErrorRecord(
                    "New-VMSwitch -NetAdapterName takes one adapter; several would need teaming.", "TeamingNotSupported", .invalidArgument,
                    target: name, action: "Team cards on the host (a bond), put the bond into a bridge and name the bridge.",
                    cmdlet: "New-VMSwitch")
            }
            guard kind == .nat || !invocation.isGiven("NatSubnet") else {
                throw ErrorRecord(
                    "New-VMSwitch -NatSubnet belongs to -SwitchType NAT.", "ParameterConflict", .invalidArgument, target: name,
                    cmdlet: "New-VMSwitch")
            }
            guard try invocation.shouldProcess(name, "New-VMSwitch") else { return }
            var specification = VirtualSwitchSpecification(name: name, switchType: kind)
            specification.notes = invocation.string("Notes") ?? ""
            specification.natSubnet = invocation.string("NatSubnet")
            specification.netAdapterName = adapters.first?.text
            try invocation.emit(.object(VirtualSwitchObject(try invocation.context.host.createSwitch(specification))))
        })
}

extension Parameter {
    /// The same, bound by property name too, as the switch cmdlets of the real module do.
    var remoteByProperty: Parameter {
        var copy = self
        copy.pipeline = .byPropertyName
        if name == "ComputerName" { copy.aliases = ["PSComputerName"] }
        return copy
    }
}

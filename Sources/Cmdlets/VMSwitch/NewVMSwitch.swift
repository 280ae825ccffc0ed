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
            "A team sends each machine's frames by one adapter (HyperVPort); its link is that of the cards in the bridge.",
            "An external switch's bridge has this host on it in any case; -AllowManagementOS gives it an adapter on the switch besides.",
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
                "AllowManagementOS", .boolean, "Gives this host an adapter of its own on the switch.",
                sets: ["NetAdapterName", "NetAdapterInterfaceDescription"]),
            Parameter("Notes", .string, "Free text.", allowsEmpty: true),
            Parameter(
                "MinimumBandwidthMode", .enumeration("VMSwitchBandwidthMode", ["Default", "Weight", "Absolute", "None"]),
                "How bandwidth is reserved.", effect: Parameter.bandwidthReservation),
            Parameter("EnableIov", .boolean, "SR-IOV.", effect: Parameter.hardwarePath),
            Parameter("EnablePacketDirect", .boolean, "The packet direct path.", effect: Parameter.hardwarePath),
            Parameter(
                "EnableEmbeddedTeaming", .boolean,
                "Makes the adapters of -NetAdapterName a team: each machine's frames leave by one of them, and by another when its bridge has no link."
            ),
        ] + Parameter.remote(sets: [], sessionByProperty: true, computerByProperty: true, hasPSName: true),
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
            // As in the module, several adapters are a team unless that is denied.
            let isTeam = invocation.argument("EnableEmbeddedTeaming")?.booleanValue ?? (adapters.count > 1)
            guard adapters.count <= 1 || isTeam, kind == .external || !isTeam else {
                throw ErrorRecord(
                    "New-VMSwitch: \(adapters.isEmpty ? "a team needs -NetAdapterName" : "several adapters need -EnableEmbeddedTeaming $true").",
                    "ParameterConflict", .invalidArgument, target: name, cmdlet: "New-VMSwitch")
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
            specification.netAdapterNames = adapters.map(\.text)
            specification.isTeam = isTeam
            let made = try invocation.context.host.createSwitch(specification)
            if invocation.isOn("AllowManagementOS") { try made.configure { $0.allow(host: true) } }
            try invocation.emit(.object(VirtualSwitchObject(made)))
        })
}

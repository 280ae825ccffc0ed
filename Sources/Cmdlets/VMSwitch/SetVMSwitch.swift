import Basics
import Management
import Persistence

extension Cmdlet {
    private static let nameSets = ["SwitchName_SwitchType", "SwitchName_NetAdapterInterfaceDescription", "SwitchName_NetAdapterName"]
    private static let objectSets = [
        "SwitchObject_SwitchType", "SwitchObject_NetAdapterInterfaceDescription", "SwitchObject_NetAdapterName",
    ]
    private static let queues = Parameter.Effect.noEffect("a port's queues are the guest's own affair here")

    /// `Set-VMSwitch`.
    static let setVMSwitch = Cmdlet(
        "Set", "VMSwitch", synopsis: "Changes virtual switches, also while virtual machines are connected.",
        details: "Machines stay connected when the kind changes; they lose what the old kind led to.",
        departures: ["-SwitchType knows NAT, too; -NatSubnet is ours."],
        sets: (nameSets + objectSets).map { .init($0, isDefault: $0 == nameSets[0], shape: .passthru(["Name", "VMSwitch"])) },
        parameters: [
            .switchName(sets: nameSets, pipeline: []), .switchObject(sets: objectSets),
            Parameter(
                "SwitchType", .enumeration("VMSwitchType", ["Private", "Internal", "External", "NAT"]), "Another kind.",
                sets: [nameSets[0], objectSets[0]]),
            Parameter("NatSubnet", .string, "NAT: another network.", sets: [nameSets[0], objectSets[0]], ours: true),
            Parameter(
                "NetAdapterName", .string, "The host's bridge or TAP device; the switch becomes external.", aliases: ["InterfaceAlias"],
                sets: [nameSets[2], objectSets[2]], mandatory: true, position: 1, pipeline: .byPropertyName),
            Parameter(
                "NetAdapterInterfaceDescription", .string, "The host's bridge or TAP device, by description.",
                sets: [nameSets[1], objectSets[1]], mandatory: true, position: 1,
                effect: .refused("interfaces have names only here; use -NetAdapterName")),
            Parameter("AllowManagementOS", .boolean, "Gives this host an adapter on the switch, or takes all that it has there."),
            Parameter("Notes", .string, "Free text.", allowsEmpty: true),
            Parameter(
                "DefaultFlowMinimumBandwidthAbsolute", .integer(0...Int64.max), "Reserved bandwidth.",
                effect: Parameter.bandwidthReservation),
            Parameter(
                "DefaultFlowMinimumBandwidthWeight", .integer(0...100), "Reserved bandwidth.", effect: Parameter.bandwidthReservation),
            Parameter("DefaultQueueVrssEnabled", .boolean, "Receive side scaling.", effect: queues),
            Parameter("DefaultQueueVmmqEnabled", .boolean, "Several queues.", effect: queues),
            Parameter("DefaultQueueVmmqQueuePairs", .integer(0...4_294_967_295), "How many queues.", effect: queues),
            Parameter("Extensions", .any, "Switch extensions.", many: true, effect: .refused("there are no switch extensions")),
            .passthru,
        ]
            + Parameter.remote(sets: [], sessionByProperty: true, hasPSName: true),
        output: "VMSwitch",
        examples: [Example("Set-VMSwitch inside -Notes 'for the test network'", "Writes a note.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VMSwitch"]) { invocation, target in
            try target.virtualSwitch().configure { configuration in
                if let notes = invocation.string("Notes") { configuration.notes = notes }
                if let type = invocation.string("SwitchType").flatMap(SwitchConfiguration.Kind.init(rawValue:)) {
                    configuration.switchType = type
                    if type != .nat { (configuration.natSubnet, configuration.mappings) = (nil, nil) }
                    if type != .external { (configuration.netAdapterName, configuration.netAdapterNames) = (nil, nil) }
                    if type == .private { configuration.hostAdapters = nil }
                }
                if let allowed = invocation.argument("AllowManagementOS")?.booleanValue { configuration.allow(host: allowed) }
                if let subnet = invocation.string("NatSubnet") {
                    guard configuration.switchType == .nat else {
                        throw ErrorRecord(
                            "Set-VMSwitch -NatSubnet belongs to NAT switches; “\(configuration.name)” is \(configuration.switchType.rawValue).",
                            "ParameterConflict", .invalidArgument, target: configuration.name,
                            action: "Add -SwitchType NAT to make it one.",
                            cmdlet: "Set-VMSwitch")
                    }
                    configuration.natSubnet = subnet
                }
                if let adapter = invocation.string("NetAdapterName") {
                    (configuration.switchType, configuration.netAdapterName) = (.external, adapter)
                    configuration.netAdapterNames = nil
                    (configuration.natSubnet, configuration.mappings) = (nil, nil)
                }
            }
            try invocation.passthru(target)
        })
}

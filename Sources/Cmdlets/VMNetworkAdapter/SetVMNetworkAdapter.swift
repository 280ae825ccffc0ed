import Basics
import Management
import Persistence

extension Cmdlet {
    private static let noHardware = Parameter.Effect.noEffect("there is no hardware under synthetic adapters")
    private static let onOffType = ParameterType.enumeration("OnOffState", ["On", "Off"])

    /// `Set-VMNetworkAdapter`.
    static let setVMNetworkAdapter = Cmdlet(
        "Set", "VMNetworkAdapter", synopsis: "Changes settings of network adapters.",
        details:
            "Everything but the MAC address may change while the machine runs. Without -Name it acts on all adapters of the machine. -MaximumBandwidth counts bits per second; 0 takes the limit away.",
        sets: ParameterSet.adapterSets(),
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Name of the virtual machine.", sets: ["VMName"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "A virtual machine object.", sets: ["VMObject"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            .managementOS, .vmNetworkAdapter(many: false), .adapterName(sets: ["VMName", "ManagementOS", "VMObject"]),
            Parameter("DynamicMacAddress", .switched, "Draws a new MAC address.", sets: ["VMName", "ResourceObject", "VMObject"]),
            Parameter("StaticMacAddress", .string, "Its MAC address.", sets: ["VMName", "ResourceObject", "VMObject"]),
            Parameter("MacAddressSpoofing", onOffType, "Whether the guest may send from other addresses."),
            Parameter("DhcpGuard", onOffType, "Whether offers of DHCP from the guest are dropped."),
            Parameter("RouterGuard", onOffType, "Whether router advertisements from the guest are dropped."),
            Parameter(
                "PortMirroring", .enumeration("VMNetworkAdapterPortMirroringMode", ["None", "Destination", "Source"]),
                "Whether its frames go to mirrors, or it is one."),
            Parameter("MaximumBandwidth", .integer(0...Int64.max), "Most bits per second that the guest may send."),
            Parameter(
                "MinimumBandwidthAbsolute", .integer(0...Int64.max), "Bits per second that it is promised.",
                effect: .noEffect("no bandwidth is promised")),
            Parameter(
                "MinimumBandwidthWeight", .integer(0...100), "Its share of bandwidth.", effect: .noEffect("no bandwidth is promised")),
            Parameter("IeeePriorityTag", onOffType, "Whether priority tags pass.", effect: .noEffect("tags always pass")),
            Parameter("VmqWeight", .integer(0...100), "Weight for hardware queues.", effect: noHardware),
            Parameter("IovQueuePairsRequested", .integer(0...65535), "Hardware queues.", effect: noHardware),
            Parameter(
                "IovInterruptModeration",
                .enumeration("IovInterruptModerationValue", ["Default", "Adaptive", "Off", "Low", "Medium", "High"]),
                "Moderation of hardware interrupts.", effect: noHardware),
            Parameter("IovWeight", .integer(0...100), "Weight for hardware functions.", effect: noHardware),
            Parameter("IPsecOffloadMaximumSecurityAssociation", .integer(0...4096), "IPsec offload.", effect: noHardware),
            Parameter(
                "MandatoryFeatureId", .string, "Features that a switch must have.", many: true,
                effect: .refused("switches have no such features")),
            .resourcePool(),
            Parameter("TestReplicaPoolName", .string, "For tests of replicas.", effect: .refused("there are no replicas")),
            Parameter("TestReplicaSwitchName", .string, "For tests of replicas.", effect: .refused("there are no replicas")),
            Parameter(
                "VirtualSubnetId", .integer(0...16_777_215), "A virtual subnet.", effect: .refused("there is no network virtualization")),
            Parameter("AllowTeaming", onOffType, "Teams in the guest.", effect: .noEffect("a team in the guest needs no leave")),
            Parameter("NotMonitoredInCluster", .boolean, "Left alone by a cluster.", effect: .noEffect("there are no clusters")),
            Parameter("StormLimit", .integer(0...Int64(UInt32.max)), "Broadcasts per second.", effect: .noEffect("there is no such limit")),
            Parameter(
                "DynamicIPAddressLimit", .integer(0...1024), "Addresses that are learned.", effect: .noEffect("there is no such limit")),
            Parameter("DeviceNaming", onOffType, "Tells the guest the adapter's name.", effect: .noEffect("guests are not told names")),
            Parameter("FixSpeed10G", onOffType, "The speed that the guest is told.", effect: .noEffect("guests are told 10 Gbit/s")),
            Parameter("PacketDirectNumProcs", .integer(0...64), "PacketDirect.", effect: noHardware),
            Parameter("PacketDirectModerationCount", .integer(0...65535), "PacketDirect.", effect: noHardware),
            Parameter("PacketDirectModerationInterval", .integer(0...65535), "PacketDirect.", effect: noHardware),
            Parameter("VrssEnabled", .boolean, "Receive-side scaling.", effect: .noEffect("guests always may use it")),
            Parameter("VmmqEnabled", .boolean, "Hardware queues.", effect: noHardware),
            Parameter("VmmqQueuePairs", .integer(0...65535), "Hardware queues.", effect: noHardware), .passthru,
        ] + Parameter.remote(sets: ["VMName", "ManagementOS"]),
        output: "VMNetworkAdapter",
        examples: [
            Example("Set-VMNetworkAdapter web01 -StaticMacAddress 00155D010203", "Another MAC address, while web01 is off."),
            Example("Set-VMNetworkAdapter web01 -DhcpGuard On -RouterGuard On", "The guest cannot pose as DHCP server or router."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            if target is HostAdapterObject {
                try invocation.refuseForHost([
                    "StaticMacAddress", "DynamicMacAddress", "MacAddressSpoofing", "MaximumBandwidth", "ResourcePoolName",
                ])
            }
            let mac = try invocation.macAddress("StaticMacAddress")
            guard !(target is HostAdapterObject) else {
                return try invocation.changeAdapters(of: target) { invocation.setGuards(&$0) }
            }
            let (machine, chosen) = try invocation.adapters(of: target)
            guard mac == nil || !invocation.isOn("DynamicMacAddress"), mac == nil || chosen.count <= 1 else {
                let why =
                    chosen.count > 1
                    ? "goes to one adapter, and “\(machine.name)” has \(chosen.count)" : "does not go with -DynamicMacAddress"
                throw ErrorRecord(
                    "Set-VMNetworkAdapter: -StaticMacAddress \(why).", "AmbiguousParameterSet", .invalidArgument, target: machine.name,
                    action: "Say which adapter with -Name.", cmdlet: "Set-VMNetworkAdapter")
            }
            var fresh: [String] = []
            if invocation.isOn("DynamicMacAddress") {
                var taken = machine.host.macAddresses()
                for _ in chosen {
                    fresh.append(try machine.configuration().newMacAddress(except: taken))
                    taken.insert(fresh[fresh.count - 1])
                }
            }
            let pool = try invocation.chosenPool(.ethernet)
            try invocation.changeAdapters(of: target) { adapter in
                if let pool { adapter.pool = pool }
                if let mac { (adapter.macAddress, adapter.dynamicMacAddress) = (mac, false) }
                if let position = chosen.firstIndex(where: { $0.id == adapter.id }), fresh.indices.contains(position) {
                    (adapter.macAddress, adapter.dynamicMacAddress) = (fresh[position], true)
                }
                if let state = invocation.onOff("MacAddressSpoofing") { adapter.macAddressSpoofing = state }
                invocation.setGuards(&adapter)
                if let bits = invocation.integer("MaximumBandwidth") { adapter.maximumBandwidth = bits == 0 ? nil : UInt64(bits) }
            }
        })
}

extension Invocation {
    /// What may be set of machines' adapters and of the host's.
    fileprivate func setGuards(_ adapter: inout AdapterConfiguration) {
        if let state = onOff("DhcpGuard") { adapter.dhcpGuard = state }
        if let state = onOff("RouterGuard") { adapter.routerGuard = state }
        if let mode = string("PortMirroring") { adapter.portMirroring = mode }
    }
}

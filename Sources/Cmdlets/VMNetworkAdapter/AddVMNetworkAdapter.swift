import Basics
import Management

extension Cmdlet {
    /// `Add-VMNetworkAdapter`.
    static let addVMNetworkAdapter = Cmdlet(
        "Add", "VMNetworkAdapter", synopsis: "Adds network adapters to virtual machines.",
        details: "A machine has at most eight. A running machine's guest sees the adapter at once.",
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VM"])),
            .init("ManagementOS", shape: .computed("the adapter with -Passthru") { $0.isOn("Passthru") ? .one : .nothing }),
            .init("VMObject", shape: .passthru(["VMName", "VM"])),
        ],
        parameters: Parameter.partTargets + [
            Parameter("ManagementOS", .switched, "An adapter of this host; it needs -SwitchName.", sets: ["ManagementOS"], mandatory: true),
            Parameter("SwitchName", .string, "The virtual switch to connect to."),
            Parameter(
                "IsLegacy", .boolean, "An emulated adapter.", sets: ["VMName", "VMObject"],
                effect: .noEffect("there are only synthetic adapters")),
            Parameter("Name", .string, "Its name.", aliases: ["VMNetworkAdapterName"], default: .string("Network Adapter")),
            Parameter("DynamicMacAddress", .switched, "Draws its MAC address, which is what happens without it too."),
            Parameter("StaticMacAddress", .string, "Its MAC address."), .resourcePool(),
            Parameter(
                "DeviceNaming", .enumeration("OnOffState", ["On", "Off"]), "Tells the guest the adapter's name.",
                effect: .noEffect("guests are not told names")),
            .passthru,
        ],
        output: "VMNetworkAdapter",
        examples: [
            Example("Add-VMNetworkAdapter web01 -SwitchName inside -Name eth1", "An adapter on the switch inside."),
            Example("Add-VMNetworkAdapter web01 -StaticMacAddress 00155D010203", "One with an address of its own."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            if let target = target as? VirtualSwitchObject { return try invocation.addHostAdapter(to: target.virtualSwitch) }
            let machine = try target.virtualMachine()
            let connection = try invocation.string("SwitchName").map { try machine.host.virtualSwitch(named: $0) }
            let mac = try invocation.macAddress("StaticMacAddress")
            guard mac == nil || !invocation.isOn("DynamicMacAddress") else {
                throw ErrorRecord(
                    "Add-VMNetworkAdapter: -StaticMacAddress and -DynamicMacAddress do not go together.", "AmbiguousParameterSet",
                    .invalidArgument, target: target.displayName, cmdlet: "Add-VMNetworkAdapter")
            }
            let taken = machine.host.macAddresses()
            let range = try machine.host.settings().macAddressRange
            let pool = try invocation.chosenPool(.ethernet)
            let new = try machine.configure { configuration in
                configuration.addAdapter(named: invocation.string("Name") ?? "Network Adapter", except: taken, within: range)
                let last = configuration.adapters.count - 1
                if let mac { (configuration.adapters[last].macAddress, configuration.adapters[last].dynamicMacAddress) = (mac, false) }
                if let pool { configuration.adapters[last].pool = pool }
                configuration.adapters[last].switchId = connection?.id
                configuration.adapters[last].switchName = connection?.name
            }
            if let added = new.adapters.last { try invocation.passthru(NetworkAdapterObject(machine, added)) }
        })
}

extension Invocation {
    /// Gives the host an adapter on the switch.
    fileprivate func addHostAdapter(to target: VirtualSwitch) throws {
        try refuseForHost(["StaticMacAddress", "ResourcePoolName"])
        let name = string("Name") ?? "Network Adapter"
        try passthru(HostAdapterObject(try target.addHostAdapter(named: name), name: name))
    }
}

import Basics
import Management

extension Cmdlet {
    private static let byName = ["Name_SwitchName", "Name_SwitchObject", "Name_UseAutomaticConnection"]
    private static let byObject = ["Object_SwitchName", "Object_SwitchObject", "Object_UseAutomaticConnection"]

    /// `Connect-VMNetworkAdapter`.
    static let connectVMNetworkAdapter = Cmdlet(
        "Connect", "VMNetworkAdapter", synopsis: "Connects network adapters to a virtual switch.",
        details: "A running guest sees its link go down and up.",
        sets: ParameterSet.adapterSets([
            "Name_SwitchName", "Object_SwitchName", "Object_SwitchObject", "Object_UseAutomaticConnection", "Name_SwitchObject",
            "Name_UseAutomaticConnection",
        ]),
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: byName, mandatory: true,
                position: 0, many: true, wildcards: true, completion: .vmName),
            .adapterName(sets: byName, position: 1, many: true),
            .vmNetworkAdapter(sets: byObject, many: true),
            Parameter(
                "SwitchName", .string, "Name of the switch.", sets: ["Name_SwitchName", "Object_SwitchName"], mandatory: true, position: 2),
            Parameter(
                "VMSwitch", .object("VMSwitch"), "The switch, as Get-VMSwitch gives it.",
                sets: ["Object_SwitchObject", "Name_SwitchObject"],
                mandatory: true, position: 2, pipeline: .byValue),
            Parameter(
                "UseAutomaticConnection", .switched, "A switch of the adapter's resource pool; the one that serves the fewest adapters.",
                sets: ["Object_UseAutomaticConnection", "Name_UseAutomaticConnection"], mandatory: true),
            .passthru,
        ] + Parameter.remote(sets: byName),
        output: "VMNetworkAdapter",
        examples: [
            Example("Connect-VMNetworkAdapter web01 -SwitchName inside", "Connects all adapters of web01."),
            Example("Get-VMNetworkAdapter web* | Connect-VMNetworkAdapter -SwitchName inside", "Connects those of many machines."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMNetworkAdapter"]) { invocation, target in
            if invocation.isOn("UseAutomaticConnection") {
                let host = try target.virtualMachine().host
                return try invocation.changeAdapters(of: target) { adapter in
                    let connection = try host.automaticSwitch(inPool: adapter.pool)
                    (adapter.switchId, adapter.switchName) = (connection.id, connection.name)
                }
            }
            var name = invocation.string("SwitchName") ?? ""
            if case .object(let object)? = invocation.argument("VMSwitch") { name = object.displayName }
            let connection = try target.virtualMachine().host.virtualSwitch(named: name)
            try invocation.changeAdapters(of: target) { ($0.switchId, $0.switchName) = (connection.id, connection.name) }
        })
}

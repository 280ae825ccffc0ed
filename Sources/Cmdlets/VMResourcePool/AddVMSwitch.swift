import Persistence

extension Cmdlet {
    /// `Add-VMSwitch`.
    static let addVMSwitch = Cmdlet(
        "Add", "VMSwitch", synopsis: "Puts virtual switches into resource pools of Ethernet.",
        details: "Connect-VMNetworkAdapter -UseAutomaticConnection chooses one of the pool's switches. New-VMSwitch makes a switch.",
        sets: [.init("NetworkByName", isDefault: true, shape: .nothing), .init("NetworkByObject", shape: .nothing)],
        parameters: [
            .switchName(sets: ["NetworkByName"]), .switchObject(sets: ["NetworkByObject"]),
            Parameter("ResourcePoolName", .string, "Names of pools.", mandatory: true, position: 1, many: true),
        ] + Parameter.remote(sets: ["NetworkByName"]),
        examples: [Example("Add-VMSwitch inside -ResourcePoolName lab", "Machines of the pool lab may be connected to inside.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VMSwitch"]) { invocation, target in
            let id = try target.virtualSwitch().id
            for name in (invocation.list("ResourcePoolName") ?? []).map(\.text) {
                let pool = try invocation.context.host.resourcePool(named: name, .ethernet)
                try invocation.context.host.changePool(pool) { if !$0.switches.contains(id) { $0.switches.append(id) } }
            }
        })
}

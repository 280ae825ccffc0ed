extension Cmdlet {
    /// `Remove-VMSwitch`.
    static let removeVMSwitch = Cmdlet(
        "Remove", "VMSwitch", synopsis: "Removes virtual switches.",
        details:
            "One that an adapter of a virtual machine is connected to is refused; with -Force it goes, and these adapters are connected to nothing.",
        sets: [.init("Name", isDefault: true, shape: .nothing), .init("SwitchObject", shape: .nothing)],
        parameters: [
            .switchName(sets: ["Name"]), .switchObject(sets: ["SwitchObject"]),
            .switchPool("Takes the switch from these resource pools only; it stays."),
            .force("Does not ask, and removes a switch that is in use, too."),
        ] + Parameter.remote(sets: ["Name"]),
        examples: [Example("Remove-VMSwitch inside -Force", "Removes inside without asking.")],
        shouldProcess: true, confirms: .always("will be removed."),
        body: .perTarget(parameters: ["Name", "VMSwitch"]) { invocation, target in
            let found = try target.virtualSwitch()
            guard !invocation.isGiven("ResourcePoolName") else {
                let host = invocation.context.host
                for name in (invocation.list("ResourcePoolName") ?? []).map(\.text) {
                    try host.changePool(try host.resourcePool(named: name, .ethernet)) { $0.switches.removeAll { $0 == found.id } }
                }
                return
            }
            try found.remove(force: invocation.isOn("Force"))
        })
}

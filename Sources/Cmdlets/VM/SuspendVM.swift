extension Cmdlet {
    /// `Suspend-VM`.
    static let suspendVM = Cmdlet(
        "Suspend", "VM", synopsis: "Pauses virtual machines: their processors stand still, their memory stays.",
        sets: ParameterSet.verbSets, parameters: Parameter.verbTargets, output: "VirtualMachine",
        examples: [Example("Suspend-VM web01", "Pauses web01.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            if !invocation.isAlready("Paused", target, is: try machine.status().state.rawValue) { try machine.suspend() }
            try invocation.passthru(target)
        })
}

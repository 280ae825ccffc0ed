extension Cmdlet {
    /// `Save-VM`.
    static let saveVM = Cmdlet(
        "Save", "VM", synopsis: "Saves the state of virtual machines and stops them; Start-VM goes on from there.",
        sets: ParameterSet.verbSets, parameters: Parameter.verbTargets, output: "VirtualMachine",
        examples: [Example("Save-VM web01", "Saves web01 and stops it.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            if !invocation.isAlready("Saved", target, is: try machine.status().state.rawValue) { try machine.save() }
            try invocation.passthru(target)
        })
}

extension Cmdlet {
    /// `Resume-VM`.
    static let resumeVM = Cmdlet(
        "Resume", "VM", synopsis: "Lets paused virtual machines run on.",
        sets: ParameterSet.verbSets, parameters: Parameter.verbTargets, output: "VirtualMachine",
        examples: [Example("Resume-VM web01", "web01 runs on.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            if !invocation.isAlready("Running", target, is: try machine.status().state.rawValue) { try machine.resume() }
            try invocation.passthru(target)
        })
}

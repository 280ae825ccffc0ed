extension Cmdlet {
    /// `Remove-VM`.
    static let removeVM = Cmdlet(
        "Remove", "VM", synopsis: "Removes virtual machines that are off or saved.",
        details: "The folder goes with configuration, saved state, console text and events.",
        sets: ParameterSet.verbSets,
        parameters: Parameter.verbTargets + [.force()],
        output: "VirtualMachine",
        examples: [Example("Remove-VM web01 -Force", "Removes web01 without asking.")],
        shouldProcess: true, confirms: .always("will be removed with its folder."),
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            try target.virtualMachine().remove()
            try invocation.passthru(target)
        })
}

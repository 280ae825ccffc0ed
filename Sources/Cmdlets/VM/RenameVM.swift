extension Cmdlet {
    /// `Rename-VM`.
    static let renameVM = Cmdlet(
        "Rename", "VM", synopsis: "Gives a virtual machine another name.",
        departures: ["Names are unique within a store without regard to letter case."],
        sets: ParameterSet.verbSets,
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: ["Name"]) + [
            Parameter("NewName", .string, "The new name.", mandatory: true, position: 1), .passthru,
        ],
        output: "VirtualMachine",
        examples: [Example("Rename-VM web01 web02", "web01 is called web02 from now on.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            try target.virtualMachine().rename(to: invocation.string("NewName") ?? "")
            try invocation.passthru(target)
        })
}

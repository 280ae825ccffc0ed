import Management

extension Cmdlet {
    /// `Update-VMVersion`.
    static let updateVMVersion = Cmdlet(
        "Update", "VMVersion", synopsis: "Rewrites the configurations of virtual machines in the newest version.",
        details:
            "Only while a machine is off. An older program does not read it afterwards. One that is of the newest version stays as it is.",
        sets: ParameterSet.verbSets,
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: ["Name"]) + [.force(), .asJob, .passthru],
        output: "VirtualMachine",
        examples: [Example("Update-VMVersion web01 -Force", "Upgrades web01 without asking.")],
        shouldProcess: true, confirms: .always("will have a configuration that older programs do not read."),
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            if try !target.virtualMachine().updateVersion() {
                invocation.warn("\(target.displayName): no version upgrade was needed; the configuration is of the newest version.")
            }
            try invocation.passthru(target)
        })
}

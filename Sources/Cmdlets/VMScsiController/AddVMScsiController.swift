import Management

extension Cmdlet {
    /// `Add-VMScsiController`.
    static let addVMScsiController = Cmdlet(
        "Add", "VMScsiController", synopsis: "Adds SCSI controllers to virtual machines that are off.",
        details: "A machine has at most four, each with 64 places.",
        sets: ParameterSet.partActionSets,
        parameters: Parameter.partTargets + [.passthru], output: "VMScsiController",
        examples: [Example("Add-VMScsiController web01", "One more controller.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let new = try machine.configure { $0.addController() }
            if let added = new.controllers.last { try invocation.passthru(ScsiControllerObject(machine, added.id)) }
        })
}

import Management

extension Cmdlet {
    /// `Remove-VMScsiController`.
    static let removeVMScsiController = Cmdlet(
        "Remove", "VMScsiController", synopsis: "Takes SCSI controllers, with the drives on them, from virtual machines that are off.",
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VMScsiController"])),
            .init("Object", shape: .passthru(["VMName", "VMScsiController"])),
        ],
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["VMName"],
                mandatory: true, position: 0, many: true, wildcards: true, completion: .vmName),
            Parameter("ControllerNumber", .integer(0...63), "Number of the controller.", sets: ["VMName"], mandatory: true, position: 1),
            Parameter(
                "VMScsiController", .object("VMScsiController"), "Controllers, as Get-VMScsiController gives them.", sets: ["Object"],
                mandatory: true, position: 0, pipeline: .byValue, many: true),
            .passthru,
        ] + Parameter.remote(sets: ["VMName"]),
        output: "VMScsiController",
        examples: [Example("Remove-VMScsiController web01 1", "Takes the second controller and its drives; image files stay.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMScsiController"]) { invocation, target in
            let machine = try target.virtualMachine()
            let configuration = try machine.configuration()
            let object =
                try target as? ScsiControllerObject
                ?? ScsiControllerObject(
                    machine, configuration.controllers[try configuration.checkedController(invocation.number("ControllerNumber") ?? 0)].id)
            try machine.configure { $0.controllers.remove(at: try object.number(in: $0)) }
            try invocation.passthru(object)
        })
}

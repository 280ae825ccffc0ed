import Management

extension Cmdlet {
    /// `Get-VMScsiController`.
    static let getVMScsiController = Cmdlet(
        "Get", "VMScsiController", synopsis: "Gets the SCSI controllers of virtual machines.",
        sets: [
            .init("VMName", isDefault: true, shape: .oneIfSingleWith(["VMName", "VM"], given: ["ControllerNumber"])),
            .init("VMObject", shape: .oneIfSingleWith(["VMName", "VM"], given: ["ControllerNumber"])), .init("VMSnapshot", shape: .many),
        ],
        parameters: Parameter.partTargets + [
            Parameter("ControllerNumber", .integer(0...63), "Number of the controller.", position: 1), .vmSnapshot,
        ],
        output: "VMScsiController",
        examples: [Example("(Get-VMScsiController web01 0).Drives", "The drives of the first controller.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            let machine = try target.virtualMachine()
            let configuration = try machine.configuration()
            if let number = invocation.number("ControllerNumber") {
                let index = try configuration.checkedController(number)
                return try invocation.emit(.object(ScsiControllerObject(machine, configuration.controllers[index].id)))
            }
            for controller in configuration.controllers { try invocation.emit(.object(ScsiControllerObject(machine, controller.id))) }
        })
}

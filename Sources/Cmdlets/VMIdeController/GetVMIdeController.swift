extension Cmdlet {
    /// `Get-VMIdeController`.
    static let getVMIdeController = Cmdlet(
        "Get", "VMIdeController",
        synopsis: "Gets the IDE controllers of virtual machines: there are none, and drives are on SCSI controllers.",
        departures: ["Machines of generation 1 have no IDE controllers either."],
        sets: ["VMName", "VMObject", "VMSnapshot"].map { .init($0, isDefault: $0 == "VMName", shape: .many) },
        parameters: Parameter.partTargets + [
            Parameter("ControllerNumber", .integer(0...1), "Which one.", position: 1), .vmSnapshot,
        ],
        output: "VMIdeController",
        examples: [Example("if not Get-VMIdeController web01 then Get-VMScsiController web01 end", "The controllers that web01 has.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            // A name that nothing has is an error here, too.
            let machine = try target.virtualMachine()
            _ = try machine.configuration()
            invocation.verbose("“\(machine.name)” has no IDE controllers; Get-VMScsiController shows those it has.")
        })
}

extension Cmdlet {
    /// `Get-VMBios`.
    static let getVMBios = Cmdlet(
        "Get", "VMBios", synopsis: "Gets the BIOS settings of virtual machines of generation 1.",
        sets: ParameterSet.partSets, parameters: Parameter.partTargets + [.vmSnapshot], output: "VMBios",
        examples: [Example("(Get-VMBios old01).StartupOrder", "What old01 would boot from, first to last.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            let machine = try invocation.firstGeneration(target, "BIOS", instead: "Get-VMFirmware NAME shows its firmware settings.")
            try invocation.emit(.object(ComponentObject.bios(machine)))
        })
}

extension Cmdlet {
    /// `Get-VMFirmware`.
    static let getVMFirmware = Cmdlet(
        "Get", "VMFirmware", synopsis: "Gets the firmware settings of virtual machines: what they boot.",
        departures: ["Direct Linux boot (KernelPath, InitialRamdiskPath, KernelArguments) is part of the firmware, also of generation 1."],
        sets: ParameterSet.partSets, parameters: Parameter.partTargets + [.vmSnapshot], output: "VMFirmware",
        examples: [Example("(Get-VMFirmware web01).KernelPath", "The kernel that web01 boots.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            try invocation.emit(.object(ComponentObject.firmware(try target.virtualMachine())))
        })
}

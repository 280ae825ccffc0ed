extension Cmdlet {
    /// `Get-VMProcessor`.
    static let getVMProcessor = Cmdlet(
        "Get", "VMProcessor", synopsis: "Gets the processor settings of virtual machines.",
        sets: ParameterSet.partSets, parameters: Parameter.partTargets + [.vmSnapshot], output: "VMProcessor",
        examples: [Example("(Get-VMProcessor web01).Count", "How many virtual processors web01 has.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            try invocation.emit(.object(ComponentObject.processor(try target.virtualMachine())))
        })
}

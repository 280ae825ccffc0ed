extension Cmdlet {
    /// `Get-VMMemory`.
    static let getVMMemory = Cmdlet(
        "Get", "VMMemory", synopsis: "Gets the memory settings of virtual machines.",
        sets: ParameterSet.partSets, parameters: Parameter.partTargets + [.vmSnapshot], output: "VMMemory",
        examples: [Example("Get-VMMemory web01", "The memory settings of web01.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            try invocation.emit(.object(ComponentObject.memory(try target.virtualMachine())))
        })
}

extension Cmdlet {
    /// `Rename-VMNetworkAdapter`.
    static let renameVMNetworkAdapter = Cmdlet(
        "Rename", "VMNetworkAdapter", synopsis: "Renames network adapters.",
        sets: ParameterSet.adapterSets(),
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["VMName"],
                mandatory: true, position: 0, many: true, wildcards: true, completion: .vmName),
            .vm(), .managementOS, .vmNetworkAdapter(many: true), .adapterName(sets: ["VMName", "ManagementOS", "VMObject"], position: 1),
            Parameter("NewName", .string, "The new name.", mandatory: true, position: 2), .passthru,
        ] + Parameter.remote(sets: ["VMName", "ManagementOS"]),
        output: "VMNetworkAdapter",
        examples: [Example("Rename-VMNetworkAdapter web01 -Name 'Network Adapter' -NewName outside", "Renames one adapter.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            try invocation.changeAdapters(of: target) { $0.name = invocation.string("NewName") ?? $0.name }
        })
}

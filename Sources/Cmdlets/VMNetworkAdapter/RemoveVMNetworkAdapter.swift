import Management

extension Cmdlet {
    /// `Remove-VMNetworkAdapter`.
    static let removeVMNetworkAdapter = Cmdlet(
        "Remove", "VMNetworkAdapter", synopsis: "Takes network adapters from virtual machines.",
        details: "Without -Name it takes all adapters of the machine.",
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines() + [
            .vmNetworkAdapter(many: true), .adapterName(sets: ["VMName", "ManagementOS", "VMObject"]),
            Parameter(
                "SwitchName", .string, "Only adapters on this switch.", sets: ["ManagementOS"],
                effect: .refused("the host has no virtual adapters")),
            .passthru,
        ],
        output: "VMNetworkAdapter",
        examples: [Example("Remove-VMNetworkAdapter web01 -Name eth1", "Takes the adapter eth1.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            let (machine, chosen) = try invocation.adapters(of: target)
            try machine.configure { configuration in
                configuration.adapters.removeAll { adapter in chosen.contains { $0.id == adapter.id } }
            }
            guard invocation.isOn("Passthru") else { return }
            for adapter in chosen { try invocation.emit(.object(NetworkAdapterObject(machine, adapter))) }
        })
}

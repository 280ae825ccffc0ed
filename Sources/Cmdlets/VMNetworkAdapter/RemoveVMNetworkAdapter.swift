import Management

extension Cmdlet {
    /// `Remove-VMNetworkAdapter`.
    static let removeVMNetworkAdapter = Cmdlet(
        "Remove", "VMNetworkAdapter", synopsis: "Takes network adapters from virtual machines, or from this host.",
        details: "Without -Name it takes all adapters of the machine.",
        sets: ParameterSet.adapterSets(),
        parameters: Parameter.adapterMachines() + [
            .vmNetworkAdapter(many: true), .adapterName(sets: ["VMName", "ManagementOS", "VMObject"]),
            Parameter("SwitchName", .string, "Only adapters on this switch.", sets: ["ManagementOS"]),
            .passthru,
        ],
        output: "VMNetworkAdapter",
        examples: [Example("Remove-VMNetworkAdapter web01 -Name eth1", "Takes the adapter eth1.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            if let host = target as? HostAdapterObject {
                try host.adapter.remove()
                return try invocation.passthru(target)
            }
            let (machine, chosen) = try invocation.adapters(of: target)
            try machine.configure { configuration in
                configuration.adapters.removeAll { adapter in chosen.contains { $0.id == adapter.id } }
            }
            guard invocation.isOn("Passthru") else { return }
            for adapter in chosen { try invocation.emit(.object(NetworkAdapterObject(machine, adapter))) }
        })
}

extension Cmdlet {
    /// `Disconnect-VMNetworkAdapter`.
    static let disconnectVMNetworkAdapter = Cmdlet(
        "Disconnect", "VMNetworkAdapter", synopsis: "Takes network adapters off their virtual switch.",
        sets: ParameterSet.adapterSets(["Name", "Obj"]),
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["Name"],
                mandatory: true, position: 0, many: true, wildcards: true, completion: .vmName),
            .adapterName(sets: ["Name"], position: 1, many: true), .vmNetworkAdapter(sets: ["Obj"], many: true), .passthru,
        ] + Parameter.remote(sets: ["Name"]),
        output: "VMNetworkAdapter",
        examples: [Example("Disconnect-VMNetworkAdapter web01", "Pulls all cables of web01.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMNetworkAdapter"]) { invocation, target in
            // An adapter of the host lives on its switch and nowhere else.
            _ = try target.virtualMachine()
            try invocation.changeAdapters(of: target) { ($0.switchId, $0.switchName) = (nil, nil) }
        })
}

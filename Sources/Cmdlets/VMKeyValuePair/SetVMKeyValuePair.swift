extension Cmdlet {
    /// `Set-VMKeyValuePair`.
    static let setVMKeyValuePair = Cmdlet(
        "Set", "VMKeyValuePair", synopsis: "Gives running guests pairs of the key-value exchange.",
        details:
            "The guest's daemon keeps them over restarts of the guest, under Linux in /var/lib/hyperv/.kvp_pool_0; a key that is there gets the new value. Keys have at most 254 UTF-16 units, values 1022.",
        sets: [.init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing)],
        parameters: [
            .partVMName(), .vm(), Parameter("Key", .string, "The key.", mandatory: true, position: 1, ours: true),
            Parameter("Value", .string, "The value.", mandatory: true, position: 2, ours: true, allowsEmpty: true),
        ],
        examples: [Example("Set-VMKeyValuePair web01 Role frontend", "Tells web01's guest what it is for.")],
        shouldProcess: true, ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            try target.virtualMachine().setKeyValues([(invocation.string("Key") ?? "", invocation.string("Value") ?? "")])
        })

    /// `Remove-VMKeyValuePair`.
    static let removeVMKeyValuePair = Cmdlet(
        "Remove", "VMKeyValuePair", synopsis: "Takes pairs that the host gave from running guests.",
        sets: [.init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing)],
        parameters: [
            .partVMName(), .vm(), Parameter("Key", .string, "Keys.", mandatory: true, position: 1, many: true, ours: true),
        ],
        examples: [Example("Remove-VMKeyValuePair web01 Role", "Takes the pair away.")],
        shouldProcess: true, ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            try target.virtualMachine().setKeyValues((invocation.list("Key") ?? []).map { ($0.text, nil) })
        })
}

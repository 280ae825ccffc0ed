import Management

extension Cmdlet {
    /// `Rename-VMSnapshot`.
    static let renameVMSnapshot = Cmdlet(
        "Rename", "VMSnapshot", aliases: ["Rename-VMCheckpoint"], synopsis: "Gives a checkpoint another name.",
        details: "Names may be taken twice; a command that names such a one by name is refused and lists them.",
        sets: ParameterSet.checkpointSets,
        parameters: [
            Parameter("Name", .string, "Its present name.", sets: ["SnapshotName", "VM"], mandatory: true, position: 0),
            .checkpointVMName(position: 1), .checkpoint(many: false), .checkpointVM,
            Parameter("NewName", .string, "Its new name.", mandatory: true, position: 2),
        ] + Parameter.remote(sets: ["SnapshotName"]) + [.passthru],
        output: "VMSnapshot",
        examples: [Example("Rename-VMSnapshot -VMName web01 -Name old -NewName 'before the update'", "Another name.")],
        shouldProcess: true,
        body: .perCall { invocation in
            let checkpoint = try invocation.oneCheckpoint()
            guard try invocation.shouldProcess(invocation.describe(checkpoint), "Rename-VMSnapshot") else { return }
            try checkpoint.machine.renameCheckpoint(checkpoint.id, to: invocation.string("NewName") ?? "")
            try invocation.passthru(checkpoint)
        })
}

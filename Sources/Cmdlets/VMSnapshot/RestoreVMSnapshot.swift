import Management

extension Cmdlet {
    /// `Restore-VMSnapshot`.
    static let restoreVMSnapshot = Cmdlet(
        "Restore", "VMSnapshot", aliases: ["Restore-VMCheckpoint"], synopsis: "Makes a virtual machine what it was at a checkpoint.",
        details:
            "What it is now is lost unless a checkpoint keeps it. Afterwards it is saved where the checkpoint has memory, so that Start-VM goes on from that instant, else off; a running machine is turned off first. Its name stays.",
        sets: ParameterSet.checkpointSets,
        parameters: [
            Parameter("Name", .string, "Name of the checkpoint.", sets: ["SnapshotName", "VM"], mandatory: true, position: 0),
            .checkpointVMName(position: 1), .checkpoint(many: false), .checkpointVM,
        ] + Parameter.remote(sets: ["SnapshotName"]) + [.asJob, .passthru],
        output: "VMSnapshot",
        examples: [Example("Restore-VMSnapshot -Name 'before the update' -VMName web01 -Confirm:$false", "Goes back without asking.")],
        shouldProcess: true, confirms: .byBody,
        body: .perCall { invocation in
            let checkpoint = try invocation.oneCheckpoint()
            guard
                try invocation.shouldProcess(
                    try checkpoint.machine.planRestore(checkpoint.id).plan(for: invocation.describe(checkpoint)), "Restore-VMSnapshot")
            else { return }
            guard try invocation.confirm("\(checkpoint.machine.name) will be what it was at “\(checkpoint.name)”; what it is now is lost.")
            else { return }
            try checkpoint.machine.applyCheckpoint(checkpoint.id) { (try? invocation.checkCancelled()) == nil }
            try invocation.passthru(checkpoint)
        })
}

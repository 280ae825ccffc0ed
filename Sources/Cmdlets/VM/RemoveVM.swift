import Management

extension Cmdlet {
    /// `Remove-VM`.
    static let removeVM = Cmdlet(
        "Remove", "VM", synopsis: "Removes virtual machines that are off or saved.",
        details:
            "The folder goes with configuration, saved state, console text and events. Checkpoints are merged into the disks first. Disks that lie elsewhere are yours: they stay, and are named; with -DeleteDisks those go that no other machine uses or stands on.",
        departures: ["-DeleteDisks is ours."],
        sets: ParameterSet.verbSets,
        parameters: Parameter.verbTargets + [
            .force(), Parameter("DeleteDisks", .switched, "Deletes the disks, too, that nothing else uses.", ours: true),
        ],
        output: "VirtualMachine",
        examples: [Example("Remove-VM web01 -Force", "Removes web01 without asking.")],
        shouldProcess: true,
        plan: { invocation, target in
            let machine = try target.virtualMachine()
            return try machine.planRemove(deletingDisks: invocation.isOn("DeleteDisks")).plan(for: machine.name)
        },
        confirms: .always("will be removed with its folder."),
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let terminal = invocation.terminal
            let activity = "Merging the disks of \(target.displayName)"
            defer { terminal.endProgress(activity) }
            let disks = try target.virtualMachine().remove(
                deletingDisks: invocation.isOn("DeleteDisks"), isCancelled: { (try? invocation.checkCancelled()) == nil }
            ) { terminal.show(Progress(activity, fraction: $0)) }
            for (path, user) in disks.inUse.sorted(by: { $0.key < $1.key }) {
                invocation.warn("“\(path)” stays: “\(user)” uses it.")
            }
            if !disks.kept.isEmpty {
                terminal.write("\(target.displayName) is removed; its disks stay: \(disks.kept.joined(separator: ", "))\n")
            }
            try invocation.passthru(target)
        })
}

import Basics
import Management
import Persistence

extension Cmdlet {
    /// `Remove-VMSnapshot`.
    static let removeVMSnapshot = Cmdlet(
        "Remove", "VMSnapshot", aliases: ["Remove-VMCheckpoint"], synopsis: "Removes checkpoints; their disks are merged.",
        details:
            "What comes from a removed checkpoint comes from its parent then. Images that only served it are merged into their parents and deleted: of a running machine by its worker while the guest goes on (Get-VM shows how far, and a stop leaves the rest to the next start), else before this returns. -WhatIf lists the files. Without -Name all checkpoints of the machine are meant.",
        sets: [
            .init("SnapshotName", isDefault: true, shape: .passthru(["VMName"])), .init("VMObject", shape: .passthru(["VM"])),
            .init("SnapshotObject", shape: .passthru(["VMSnapshot"])),
        ],
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["SnapshotName"],
                mandatory: true, position: 0, many: true, wildcards: true, completion: .vmName),
            .vm(),
            Parameter(
                "Name", .string, "Names of checkpoints; wildcards are accepted.", sets: ["SnapshotName", "VMObject"], position: 1,
                pipeline: .byValue, many: true, wildcards: true),
            .checkpoint(many: true),
            Parameter(
                "IncludeAllChildSnapshots", .switched, "Removes what comes from them, too.", aliases: ["IncludeAllChildCheckpoints"]),
        ] + Parameter.remote(sets: ["SnapshotName"]) + [.asJob, .passthru],
        output: "VMSnapshot",
        examples: [
            Example("Remove-VMSnapshot web01 'before the update'", "Merges it."),
            Example("Get-VMSnapshot web01 | Remove-VMSnapshot", "Removes all of web01's checkpoints."),
        ],
        shouldProcess: true,
        body: .gathered { invocation in
            for (machine, ids) in try invocation.checkpointsToRemove() {
                do {
                    guard try invocation.shouldProcess(invocation.plan(ids, machine), "Remove-VMSnapshot") else { continue }
                    let terminal = invocation.terminal
                    let activity = "Merging the disks of \(machine.name)"
                    defer { terminal.endProgress(activity) }
                    try machine.removeCheckpoints(ids, isCancelled: { (try? invocation.checkCancelled()) == nil }) {
                        terminal.show(Progress(activity, fraction: $0))
                    }
                } catch {
                    try invocation.report(error)
                }
            }
            if invocation.isOn("Passthru") { for given in invocation.list("VMSnapshot") ?? [] { try invocation.emit(given) } }
        })
}

extension Invocation {
    /// By machine, in the order in which they were named.
    fileprivate func checkpointsToRemove() throws -> [(VirtualMachine, Set<GUID>)] {
        var found: [(machine: VirtualMachine, ids: Set<GUID>)] = []
        func add(_ machine: VirtualMachine, _ ids: [GUID]) {
            if let index = found.firstIndex(where: { $0.machine == machine }) {
                found[index].ids.formUnion(ids)
            } else {
                found.append((machine, Set(ids)))
            }
        }
        let withChildren = isOn("IncludeAllChildSnapshots")
        func withSubtree(_ id: GUID, _ configuration: VirtualMachineConfiguration) -> [GUID] {
            withChildren ? configuration.subtree(of: id).map(\.id) : [id]
        }
        if let given = list("VMSnapshot") {
            for value in given {
                let checkpoint = try Self.checkpoint(value, cmdlet.name)
                add(checkpoint.machine, withSubtree(checkpoint.id, try checkpoint.machine.configuration()))
            }
            return found
        }
        let names = list("Name")?.map(\.text) ?? ["*"]
        for machine in try checkpointMachines() {
            let configuration = try machine.configuration()
            for name in names {
                let wanted = WildcardPattern(name)
                let matching = configuration.checkpoints.filter { wanted.matches($0.name) || $0.id.description == name }
                let isPattern = WildcardPattern.isPattern(name)
                if matching.isEmpty, !isPattern { try report(ErrorRecord.noCheckpoint(name, machine, configuration.checkpoints)) }
                if matching.count > 1, !isPattern {
                    try report(ErrorRecord.ambiguousCheckpoint(name, machine, matching))
                    continue
                }
                add(machine, matching.flatMap { withSubtree($0.id, configuration) })
            }
        }
        // Without checkpoints there may still be disks whose merge was cut off.
        return found.filter { !$0.ids.isEmpty || (try? $0.machine.hasMergesLeft()) == true }
    }

    /// What will happen to checkpoints and files.
    fileprivate func plan(_ ids: Set<GUID>, _ machine: VirtualMachine) throws -> String {
        let names = try machine.configuration().checkpoints.filter { ids.contains($0.id) }.map(\.name)
        var steps = try machine.planRemoval(of: ids).map(\.text)
        // As when several images stand on the one that served it.
        if steps.isEmpty { steps = ["no file is merged or deleted"] }
        let what = names.isEmpty ? "what is left to merge" : names.joined(separator: ", ")
        return ([what + " of " + machine.name] + steps).joined(separator: "; ")
    }
}

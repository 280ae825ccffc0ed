import Basics
import Management
import Persistence

extension Cmdlet {
    /// `Get-VMSnapshot`.
    static let getVMSnapshot = Cmdlet(
        "Get", "VMSnapshot", aliases: ["Get-VMCheckpoint"], synopsis: "Gets the checkpoints of virtual machines.",
        details:
            "In the order in which they were made. -Tree gives lines of text that show which comes from which, and where the present hangs.",
        departures: ["-Tree is ours.", "SnapshotType is always Standard; CheckpointType says whether it was a production checkpoint."],
        sets: [
            .init("VMName", isDefault: true, shape: .oneIfSingleWith(["VMName", "Name"], given: ["Name"])),
            .init("VMObject", shape: .oneIfSingleWith(["VM", "Name"], given: ["Name"])), .init("Id", shape: .one),
            .init("Parent", shape: .many), .init("Child", shape: .many),
        ],
        parameters: [.partVMName(), .vm()] + Parameter.remote(sets: ["VMName", "Id"]) + [
            Parameter(
                "Name", .string, "Name of the checkpoint; wildcards are accepted.", sets: ["VMName", "VMObject", "Parent", "Child"],
                position: 1, wildcards: true),
            Parameter(
                "SnapshotType",
                .enumeration(
                    "SnapshotType", ["Standard", "Recovery", "Planned", "Missing", "Replica", "AppConsistentReplica", "SyncedReplica"]),
                "Only of this kind; here all are Standard.", aliases: ["VMRecoveryCheckpoint"],
                sets: ["VMName", "VMObject", "Parent", "Child"]),
            Parameter(
                "Id", .guid, "Identifier of the checkpoint.", sets: ["Id"], mandatory: true, position: 0,
                pipeline: [.byValue, .byPropertyName]),
            Parameter(
                "ParentOf", .any, "The checkpoint, or for a machine its present: gives what it comes from.", sets: ["Parent"],
                mandatory: true),
            Parameter("ChildOf", .object("VMSnapshot"), "The checkpoint whose children are wanted.", sets: ["Child"], mandatory: true),
            Parameter("Tree", .switched, "Draws the tree.", sets: ["VMName", "VMObject"], ours: true),
        ],
        output: "VMSnapshot",
        examples: [
            Example("Get-VMSnapshot web01", "All of web01's checkpoints."),
            Example("Get-VMSnapshot web01 -Tree", "Which of them comes from which."),
        ],
        body: .perCall { invocation in
            let wanted = WildcardPattern(invocation.string("Name") ?? "*")
            let isWanted = { (checkpoint: VirtualMachineConfiguration.Checkpoint) in
                wanted.matches(checkpoint.name) && ["Standard", nil].contains(invocation.string("SnapshotType"))
            }
            switch invocation.parameterSet {
            case "Id":
                guard let id = invocation.string("Id").flatMap({ GUID($0) }) else { return }
                for machine in try invocation.context.host.machines() {
                    guard let found = try? machine.checkpoints().first(where: { $0.id == id }) else { continue }
                    return try invocation.emit(.object(CheckpointObject(machine, found)))
                }
                throw ErrorRecord(
                    "There is no checkpoint \(id) in this store.", "CheckpointNotFound", .objectNotFound, target: id.description,
                    action: "Get-VM | Get-VMSnapshot lists them all.", cmdlet: "Get-VMSnapshot")
            case "Parent", "Child":
                for found in try invocation.relatives() where isWanted(found.checkpoint) {
                    try invocation.emit(.object(CheckpointObject(found.machine, found.checkpoint)))
                }
            default:
                for machine in try invocation.checkpointMachines() {
                    let configuration = try machine.configuration()
                    if invocation.isOn("Tree") {
                        for line in CheckpointTreeText.lines(of: configuration) { try invocation.emit(.string(line)) }
                        continue
                    }
                    let found = configuration.checkpoints.filter(isWanted)
                    if found.isEmpty, let name = invocation.string("Name"), !WildcardPattern.isPattern(name) {
                        try invocation.report(ErrorRecord.noCheckpoint(name, machine, configuration.checkpoints))
                    }
                    if found.count > 1, let name = invocation.string("Name"), !WildcardPattern.isPattern(name) {
                        try invocation.report(ErrorRecord.ambiguousCheckpoint(name, machine, found))
                        continue
                    }
                    for checkpoint in found { try invocation.emit(.object(CheckpointObject(machine, checkpoint))) }
                }
            }
        })
}

extension Invocation {
    /// What -ParentOf or -ChildOf mean.
    fileprivate func relatives() throws -> [(machine: VirtualMachine, checkpoint: VirtualMachineConfiguration.Checkpoint)] {
        if let value = list("ChildOf")?.first {
            let parent = try Self.checkpoint(value, cmdlet.name)
            return try parent.machine.configuration().children(of: parent.id).map { (parent.machine, $0) }
        }
        guard case .object(let object) = argument("ParentOf")?.elements.first else { return [] }
        let machine = try object.virtualMachine()
        let configuration = try machine.configuration()
        let parent =
            if let checkpoint = object as? CheckpointObject { configuration.checkpoint(checkpoint.id)?.parentId } else {
                configuration.past?.current
            }
        return parent.flatMap { configuration.checkpoint($0) }.map { [(machine, $0)] } ?? []
    }
}

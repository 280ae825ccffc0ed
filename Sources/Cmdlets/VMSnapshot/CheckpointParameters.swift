import Basics
import Management
import Persistence

/// What the cmdlets on checkpoints share.
extension Parameter {
    /// -VMSnapshot, the object itself.
    static func checkpoint(many: Bool) -> Parameter {
        Parameter(
            "VMSnapshot", .object("VMSnapshot"), "A checkpoint, as Get-VMSnapshot gives it.", aliases: ["VMCheckpoint"],
            sets: ["SnapshotObject"], mandatory: true, position: 0, pipeline: .byValue, many: many)
    }

    /// -VMName of the cmdlets that take one machine by its name beside the checkpoint's.
    static func checkpointVMName(position: Int?, set: String = "SnapshotName") -> Parameter {
        Parameter(
            "VMName", .name(of: "VirtualMachine"), "Name of the virtual machine.", sets: [set], mandatory: true, position: position,
            completion: .vmName)
    }

    /// -VM of the cmdlets that take one machine.
    static let checkpointVM = Parameter(
        "VM", .object("VirtualMachine"), "The virtual machine.", sets: ["VM"], mandatory: true, pipeline: .byValue,
        completion: .vmName)
}

extension Cmdlet.ParameterSet {
    /// The sets of a verb on one checkpoint.
    static let checkpointSets: [Cmdlet.ParameterSet] = [
        .init("SnapshotName", isDefault: true, shape: .passthru(["VMName"])), .init("SnapshotObject", shape: .passthru(["VMSnapshot"])),
        .init("VM", shape: .passthru(["VM"])),
    ]
}

extension Invocation {
    /// The machines that -VMName or -VM mean.
    func checkpointMachines() throws -> [VirtualMachine] { try givenMachines("VMName", "VM") ?? [] }

    /// The machines as they were at the checkpoints of -VMSnapshot.
    func pastMachines() throws -> [Value] {
        try (list("VMSnapshot") ?? []).map { .object(try Self.checkpoint($0, cmdlet.name).past()) }
    }

    /// The one checkpoint that the arguments mean. A name that several have is an error that lists them.
    func oneCheckpoint() throws -> CheckpointObject {
        if let given = list("VMSnapshot") { return try Self.checkpoint(given.first, cmdlet.name) }
        guard let machine = try checkpointMachines().first else {
            throw ErrorRecord("There is no such virtual machine.", "VMNotFound", .objectNotFound, cmdlet: cmdlet.name)
        }
        let name = string("Name") ?? ""
        let all = try machine.checkpoints()
        let wanted = WildcardPattern(name)
        let found = all.filter { wanted.matches($0.name) || $0.id.description == name }
        guard let only = found.first else { throw ErrorRecord.noCheckpoint(name, machine, all) }
        guard found.count == 1 else { throw ErrorRecord.ambiguousCheckpoint(name, machine, found) }
        return CheckpointObject(machine, only)
    }

    static func checkpoint(_ value: Value?, _ cmdlet: String) throws -> CheckpointObject {
        guard case .object(let object) = value, let checkpoint = object as? CheckpointObject else {
            throw ErrorRecord(
                "\(cmdlet) -VMSnapshot takes a checkpoint, as Get-VMSnapshot gives it.", "ParameterBindingFailed", .invalidArgument,
                cmdlet: cmdlet)
        }
        return checkpoint
    }

    /// What is said before a checkpoint is worked on.
    func describe(_ checkpoint: CheckpointObject) -> String { "\(checkpoint.name) of \(checkpoint.machine.name)" }
}

extension ErrorRecord {
    static func noCheckpoint(
        _ name: String, _ machine: VirtualMachine, _ all: [VirtualMachineConfiguration.Checkpoint]
    ) -> ErrorRecord {
        let nearest = Spelling.nearest(to: name, among: all.map(\.name), limit: 1).first
        return ErrorRecord(
            "“\(machine.name)” has no checkpoint “\(name)”.", "CheckpointNotFound", .objectNotFound, target: name,
            action: nearest.map { "Did you mean “\($0)”? Get-VMSnapshot \(machine.name) lists them all." }
                ?? "Get-VMSnapshot \(machine.name) lists those that exist.")
    }

    static func ambiguousCheckpoint(
        _ name: String, _ machine: VirtualMachine, _ found: [VirtualMachineConfiguration.Checkpoint]
    ) -> ErrorRecord {
        let lines = found.map { "\n  \($0.id)  \($0.name)  \(Timestamp(unixNanoseconds: $0.creationTime))" }.joined()
        return ErrorRecord(
            "“\(name)” means \(found.count) checkpoints of “\(machine.name)”:\(lines)", "CheckpointAmbiguous", .invalidArgument,
            target: name, action: "Give the id instead of the name, or the object that Get-VMSnapshot gives.")
    }
}

import Basics
import Management
import Persistence

/// A checkpoint of a virtual machine.
final class CheckpointObject: MachinePart {
    let machine: VirtualMachine
    let id: GUID
    /// As it was called when this object was made.
    let name: String

    init(_ machine: VirtualMachine, _ checkpoint: VirtualMachineConfiguration.Checkpoint) {
        (self.machine, id, name) = (machine, checkpoint.id, checkpoint.name)
    }

    /// The machine as it was then.
    func past() throws -> any LiveObject { VirtualMachineObject(try machine.past(at: id)) }

    var type: ObjectType { .checkpoint }
    var identity: String { "\(machine.id)\\\(id)" }
    var displayName: String { name }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let checkpoint = view.configuration.checkpoint(id) else { return nil }
        let parent = checkpoint.parentId.flatMap { view.configuration.checkpoint($0) }
        let then = checkpoint.configuration
        return [
            ("Name", .string(checkpoint.name)), ("Id", .string(id.description)), ("SnapshotType", .string("Standard")),
            ("CheckpointType", .string(checkpoint.kind.rawValue)),
            ("CreationTime", .time(Timestamp(unixNanoseconds: checkpoint.creationTime))),
            ("ParentSnapshotId", parent.map { .string($0.id.description) } ?? .null),
            ("ParentSnapshotName", parent.map { .string($0.name) } ?? .null),
            ("IsAutomaticCheckpoint", .boolean(checkpoint.isAutomatic ?? false)),
            ("IsCurrent", .boolean(view.configuration.past?.current == id)),
            ("State", .string(checkpoint.memory == nil ? "Off" : "Saved")), ("Notes", .string(then.notes)),
            ("Generation", .count(then.generation)), ("ProcessorCount", .count(then.processor.count)),
            ("MemoryStartup", .count(then.memory.startupBytes)), ("Version", .string("\(then.version).0")),
            ("HardDrives", .list(then.drives.filter { $0.drive.kind == .hardDisk }.compactMap { $0.drive.path }.map { .string($0) })),
            ("Path", checkpoint.memory.map { .string($0.path) } ?? .null),
        ]
    }
}

extension ObjectType {
    static let checkpoint = ObjectType(
        name: "VMSnapshot",
        properties: [
            .init("Name", "String", "Its name; several may have the same."),
            .init("SnapshotType", "SnapshotType", "Standard: made by a user."),
            .init("CreationTime", "DateTime", "When it was made."),
            .init("ParentSnapshotName", "String", "Name of the checkpoint that it comes from; nil: of none."),
            .init("Id", "Guid", "Identifier that never changes."),
            .init("ParentSnapshotId", "Guid", "Identifier of the checkpoint that it comes from."),
            .init("CheckpointType", "CheckpointType", "Standard, or Production: with file systems that the guest had made consistent."),
            .init("IsAutomaticCheckpoint", "Boolean", "Whether a start of the machine made it."),
            .init("IsCurrent", "Boolean", "Whether the machine's present comes from it."),
            .init("State", "VMState", "What the machine is after it is applied: Saved where it has memory, else Off."),
            .init("Generation", "Int32", "The machine's generation then."),
            .init("ProcessorCount", "Int64", "Its number of virtual processors then."),
            .init("MemoryStartup", "Int64", "The bytes of memory that it started with then."),
            .init("HardDrives", "String[]", "The images that hold its disks as they were then."),
            .init("Notes", "String", "The machine's notes then."),
            .init("Path", "String", "Its memory file, in the machine's folder unless absolute; nil: it has no memory."),
            .init("Version", "String", "Version of its configuration."),
        ] + ComponentObject.common)
}

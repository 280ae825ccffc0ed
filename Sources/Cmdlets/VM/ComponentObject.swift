import Management

/// A part of a virtual machine, or of the host, as a live handle: each read asks anew.
public final class ComponentObject: LiveObject {
    public let type: ObjectType
    public let identity: String
    public let displayName: String
    /// The virtual machine that it is part of; nil for the host's.
    public let machine: VirtualMachine?
    private let read: @Sendable () throws -> Record
    private let readOne: (@Sendable (String) throws -> Value?)?

    /// `read` gives the properties of `type`; `readOne`, where given, reads single ones that are dear or not in a snapshot.
    init(
        _ type: ObjectType, identity: String, displayName: String, machine: VirtualMachine?,
        read: @escaping @Sendable () throws -> Record, readOne: (@Sendable (String) throws -> Value?)? = nil
    ) {
        (self.type, self.identity, self.displayName, self.machine) = (type, identity, displayName, machine)
        (self.read, self.readOne) = (read, readOne)
    }

    public func snapshot() throws -> Record {
        let record = try read()
        return Record(typeName: type.name, type.properties.map { ($0.name, record[$0.name] ?? .null) })
    }

    public func property(_ name: String) throws -> Value {
        if let value = try readOne?(name) { return value }
        return try read()[name] ?? .null
    }

    /// The properties that every component of a virtual machine has.
    static let common: [ObjectType.Property] = [
        .init("VMName", "String", "Name of its virtual machine."),
        .init("VMId", "Guid", "Identifier of its virtual machine."),
        .init("VMSnapshotId", "Guid", "The checkpoint that it is as of; nil: the present."),
        .init("VMSnapshotName", "String", "That checkpoint's name; empty: the present."),
        .init("ComputerName", "String", "The host it is on."),
        .init("IsDeleted", "Boolean", "Whether it has been removed."),
    ]

    /// Values of `common`.
    static func commonFields(_ machine: VirtualMachine) -> [(name: String, value: Value)] {
        [
            ("VMName", .string(machine.name)), ("VMId", .string(machine.machineId.description)),
            ("VMSnapshotId", machine.checkpoint.map { .string($0.id.description) } ?? .null),
            ("VMSnapshotName", .string(machine.checkpoint?.name ?? "")), ("ComputerName", .string(LocalHost.name)),
            ("IsDeleted", .boolean(false)),
        ]
    }
}

extension Value {
    /// A count of bytes or things from the engine.
    static func count(_ value: some BinaryInteger) -> Value { .integer(Int64(clamping: value)) }
    /// Nanoseconds as a duration.
    static func span(nanoseconds: UInt64) -> Value { .duration(TimeSpan(ticks: Int64(clamping: nanoseconds / 100))) }
}

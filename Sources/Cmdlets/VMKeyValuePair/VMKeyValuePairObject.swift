import Basics
import Management
import WorkerProtocol

/// A pair of a guest's key-value exchange as it was when it was read.
final class VMKeyValuePairObject: LiveObject {
    private let machine: VirtualMachine
    private let pair: GuestInformation.Pair

    init(_ machine: VirtualMachine, _ pair: GuestInformation.Pair) { (self.machine, self.pair) = (machine, pair) }

    var type: ObjectType { Self.objectType }
    var identity: String { "\(machine.id)\\\(pair.pool.rawValue)\\\(pair.key)\\\(pair.value)" }
    var displayName: String { pair.key }

    func snapshot() throws -> Record {
        Record(
            typeName: Self.objectType.name,
            [
                ("VMName", .string(machine.name)), ("Key", .string(pair.key)), ("Value", .string(pair.value)),
                ("Pool", .string(pair.pool.rawValue)), ("VMId", .string(machine.id.description)),
            ])
    }

    static let objectType = ObjectType(
        name: "VMKeyValuePair",
        properties: [
            .init("VMName", "String", "Name of its virtual machine."), .init("Key", "String", "Its key."),
            .init("Value", "String", "Its value."),
            .init(
                "Pool", "String",
                "Intrinsic: what the guest's daemon knows of its system; Guest: what the guest's programs put there; Host: what this host gave the guest."
            ),
            .init("VMId", "Guid", "Identifier of its virtual machine."),
        ])
}

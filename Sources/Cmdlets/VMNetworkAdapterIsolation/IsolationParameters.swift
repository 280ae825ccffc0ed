import Management
import Persistence

extension Invocation {
    /// Emits one value for each adapter of the target, of a machine or of the host.
    func forEachAdapter(
        of target: any LiveObject, _ body: (any LiveObject, String, AdapterConfiguration) throws -> Void
    ) throws {
        if let host = target as? HostAdapterObject {
            guard let settings = try host.adapter.settings() else { return }
            return try body(host, host.displayName, settings)
        }
        let (machine, chosen) = try adapters(of: target)
        for adapter in chosen { try body(NetworkAdapterObject(machine, adapter), adapter.name, adapter) }
    }

    /// Changes the target's adapters, of a machine or of the host, together.
    func changeEachAdapter(of target: any LiveObject, _ change: (inout AdapterConfiguration) throws -> Void) throws {
        if let host = target as? HostAdapterObject { return try host.adapter.configure(change) }
        let (machine, chosen) = try adapters(of: target)
        try machine.configure { configuration in
            for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                try change(&configuration.adapters[index])
            }
        }
    }

    /// A setting of an adapter as scripts see it.
    func setting(_ type: String, _ parent: any LiveObject, _ name: String, _ fields: [(name: String, value: Value)]) -> Value {
        let machine = (parent as? NetworkAdapterObject)?.machine
        return .record(
            Record(
                typeName: type,
                fields + [
                    ("VMNetworkAdapterName", .string(name)), ("ParentAdapter", .object(parent)), ("IsTemplate", .boolean(false)),
                    ("VMName", machine.map { .string($0.name) } ?? .null), ("VMId", machine.map { .string($0.id.description) } ?? .null),
                    ("ComputerName", .string(LocalHost.name)), ("IsDeleted", .boolean(false)),
                ]))
    }
}

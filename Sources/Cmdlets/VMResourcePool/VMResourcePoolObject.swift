import Basics
import Management
import Persistence

extension ResourcePool {
    /// As scripts see it.
    var value: Value {
        .record(
            Record(
                typeName: "VMResourcePool",
                [
                    ("Name", .string(name)), ("ResourcePoolType", .string(kind.rawValue)),
                    ("ParentName", .list(parents.map { .string($0) })), ("ResourceMeteringEnabled", .boolean(isMetered)),
                    ("Paths", .list(paths.map { .string($0) })), ("ComputerName", .string(LocalHost.name)), ("IsDeleted", .boolean(false)),
                ]))
    }
}

extension ParameterType {
    /// Kinds of pools; those of hardware that is not there are words, too.
    static let poolType = ParameterType.enumeration(
        "VMResourcePoolType",
        ResourcePool.Kind.allCases.map(\.rawValue) + ["FibreChannelPort", "FibreChannelConnection", "PciExpress"])
}

extension Parameter {
    /// -ResourcePoolName of a cmdlet on one thing that takes from a pool.
    static func resourcePool(sets: [String] = []) -> Parameter {
        Parameter("ResourcePoolName", .string, "The resource pool that it takes from; Primordial is everything.", sets: sets)
    }
}

extension Invocation {
    /// The kinds that -ResourcePoolType names; without it all. Kinds that are not there are an error.
    func poolKinds() throws -> [ResourcePool.Kind] {
        guard let words = list("ResourcePoolType")?.map(\.text) else { return ResourcePool.Kind.allCases }
        return try words.map { word in
            guard let kind = ResourcePool.Kind(rawValue: word) else {
                throw ErrorRecord(
                    "\(cmdlet.name) -ResourcePoolType \(word): there is no such hardware here.", "ResourcePoolInvalid", .invalidArgument,
                    target: word, action: "The kinds are \(Spelling.list(ResourcePool.Kind.allCases.map(\.rawValue), "and")).",
                    cmdlet: cmdlet.name)
            }
            return kind
        }
    }

    /// The pools that `parameter` and -ResourcePoolType name; a name without wildcards that none of these kinds has is an error.
    func resourcePools(_ parameter: String = "Name") throws -> [ResourcePool] {
        let kinds = try poolKinds()
        let all = try context.host.resourcePools().filter { kinds.contains($0.kind) }
        guard let names = list(parameter)?.map(\.text) else { return all }
        return try names.flatMap { name in
            let pattern = WildcardPattern(name)
            let found = all.filter { pattern.matches($0.name) }
            if found.isEmpty, !WildcardPattern.isPattern(name), let kind = kinds.first {
                return [try context.host.resourcePool(named: name, kind)]
            }
            return found
        }
    }

    /// What a configuration writes for -ResourcePoolName; the outer nil: not given. An image must lie in its folders.
    func chosenPool(_ kind: ResourcePool.Kind, image path: String? = nil) throws -> GUID?? {
        guard let name = string("ResourcePoolName") else { return nil }
        if let path { try context.host.check(path, in: try context.host.resourcePool(named: name, kind)) }
        return .some(try context.host.poolId(named: name, kind))
    }
}

import Management

extension ObjectType {
    static let vmMemory = ObjectType(
        name: "VMMemory",
        properties: [
            .init("Startup", "Int64", "Bytes of memory that it starts with."),
            .init("DynamicMemoryEnabled", "Boolean", "Whether memory may grow and shrink."),
            .init("Minimum", "Int64", "Least bytes with dynamic memory."),
            .init("Maximum", "Int64", "Most bytes with dynamic memory."),
            .init("Buffer", "Int32", "Percent kept free with dynamic memory."),
            .init("Priority", "Int32", "Priority against other virtual machines, 0 to 100."),
            .init("ResourcePoolName", "String", "Its resource pool."),
            .init("MaximumPerNumaNode", "Int64", "Most bytes on its one NUMA node."),
            .init("Name", "String", "Memory."), .init("Id", "String", "Identifier of this part."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// The memory settings of a virtual machine.
    static func memory(_ machine: VirtualMachine) -> ComponentObject {
        ComponentObject(
            .vmMemory, identity: machine.id.description, displayName: "Memory of \(machine.name)", machine: machine,
            read: {
                let configuration = try machine.configuration()
                let settings = configuration.memory
                return Record(
                    [
                        ("Startup", .count(settings.startupBytes)), ("DynamicMemoryEnabled", .boolean(settings.dynamicMemoryEnabled)),
                        ("Minimum", .count(settings.minimumBytes)), ("Maximum", .count(settings.maximumBytes)),
                        ("Buffer", .count(settings.buffer)), ("Priority", .count(settings.priority)),
                        ("ResourcePoolName", .string(machine.host.poolName(configuration.pools(.memory).first ?? nil))),
                        ("MaximumPerNumaNode", .count(settings.dynamicMemoryEnabled ? settings.maximumBytes : settings.startupBytes)),
                        ("Name", .string("Memory")),
                        ("Id", .string("\(machine.id)\\Memory")),
                    ] + commonFields(machine))
            })
    }
}

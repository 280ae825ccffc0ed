import Management

extension ObjectType {
    static let vmProcessor = ObjectType(
        name: "VMProcessor",
        properties: [
            .init("Count", "Int64", "Number of virtual processors."),
            .init("Engine", "ProcessorEngine", "What runs them: Auto, Interpreter, Translator or Kvm."),
            .init("Model", "String", "Processor model that the guest sees."),
            .init("CompatibilityForMigrationEnabled", "Boolean", "True: the model is the same on every host."),
            .init("CompatibilityForOlderOperatingSystemsEnabled", "Boolean", "Whether features old systems stumble over are hidden."),
            .init("ExposeVirtualizationExtensions", "Boolean", "Whether the guest may run guests."),
            .init("Maximum", "Int64", "Percent of a host processor that each may use."),
            .init("Reserve", "Int64", "Percent of a host processor reserved for each."),
            .init("RelativeWeight", "Int32", "Weight against other virtual machines."),
            .init("ResourcePoolName", "String", "Its resource pool."),
            .init("HwThreadCountPerCore", "Int64", "1: every virtual processor is a core."),
            .init("MaximumCountPerNumaNode", "Int64", "Processors of its one NUMA node."),
            .init("MaximumCountPerNumaSocket", "Int64", "1: it has one NUMA node."),
            .init("EnableHostResourceProtection", "Boolean", "False: the host schedules the machine's process."),
            .init("Name", "String", "Processor."), .init("Id", "String", "Identifier of this part."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// The processor settings of a virtual machine.
    static func processor(_ machine: VirtualMachine) -> ComponentObject {
        ComponentObject(
            .vmProcessor, identity: machine.id.description, displayName: "Processor of \(machine.name)", machine: machine,
            read: {
                let configuration = try machine.configuration()
                let settings = configuration.processor
                return Record(
                    [
                        ("Count", .count(settings.count)), ("Engine", .string(settings.engine)), ("Model", .string(settings.model)),
                        ("CompatibilityForMigrationEnabled", .boolean(true)),
                        ("CompatibilityForOlderOperatingSystemsEnabled", .boolean(false)),
                        ("ExposeVirtualizationExtensions", .boolean(false)), ("Maximum", .count(settings.maximum)),
                        ("Reserve", .count(settings.reserve)), ("RelativeWeight", .count(settings.relativeWeight)),
                        ("HwThreadCountPerCore", .integer(1)), ("MaximumCountPerNumaNode", .count(settings.count)),
                        ("ResourcePoolName", .string(machine.host.poolName(configuration.pools(.processor).first ?? nil))),
                        ("MaximumCountPerNumaSocket", .integer(1)), ("EnableHostResourceProtection", .boolean(false)),
                        ("Name", .string("Processor")), ("Id", .string("\(machine.id)\\Processor")),
                    ] + commonFields(machine))
            })
    }
}

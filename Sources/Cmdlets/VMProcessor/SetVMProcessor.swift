import Basics

extension Cmdlet {
    private static let notScheduled = Parameter.Effect.noEffect("it is stored, but the host's scheduler decides")
    private static let noTopology = Parameter.Effect.noEffect("virtual machines have one NUMA node")

    /// `Set-VMProcessor`.
    static let setVMProcessor = Cmdlet(
        "Set", "VMProcessor", synopsis: "Changes the processor settings of virtual machines that are off.",
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VM", "VMProcessor"])),
            .init("VMObject", shape: .passthru(["VMName", "VM", "VMProcessor"])),
            .init("VMProcessor", shape: .passthru(["VMName", "VM", "VMProcessor"])),
        ],
        parameters: Parameter.partTargets + [
            Parameter(
                "VMProcessor", .object("VMProcessor"), "Processor settings, as Get-VMProcessor gives them.", sets: ["VMProcessor"],
                mandatory: true, position: 0, pipeline: .byValue, many: true),
            Parameter("Count", .integer(1...8), "Number of virtual processors."),
            Parameter("Maximum", .integer(0...100), "Percent of a host processor that each may use.", effect: notScheduled),
            Parameter("Reserve", .integer(0...100), "Percent of a host processor reserved for each.", effect: notScheduled),
            Parameter("RelativeWeight", .integer(0...10_000), "Weight against other virtual machines.", effect: notScheduled),
            Parameter(
                "CompatibilityForMigrationEnabled", .boolean, "Hides features that not every host has.",
                effect: .noEffect("the processor model is the same on every host")),
            Parameter(
                "CompatibilityForOlderOperatingSystemsEnabled", .boolean, "Hides features that old systems stumble over.",
                effect: .noEffect("the processor model has none of them")),
            Parameter(
                "HwThreadCountPerCore", .integer(0...2), "Threads of a core that the guest sees.",
                effect: .noEffect("every virtual processor is a core")),
            Parameter("MaximumCountPerNumaNode", .integer(1...64), "Processors of one NUMA node.", effect: noTopology),
            Parameter("MaximumCountPerNumaSocket", .integer(1...64), "NUMA nodes of one socket.", effect: noTopology),
            .resourcePool(),
            Parameter(
                "Perfmon", .string, "Performance counters for the guest.",
                effect: .refused("the processor model has no performance counters")),
            Parameter(
                "EnableHostResourceProtection", .boolean, "Slows down guests that use too much of the host.",
                effect: .noEffect("each virtual machine has a process of its own, which the host schedules")),
            Parameter(
                "ExposeVirtualizationExtensions", .boolean, "Lets the guest run guests.",
                effect: .refused("nested virtualization is not there yet")),
            .passthru,
            Parameter(
                "Engine", .enumeration("ProcessorEngine", ["Auto", "Interpreter", "Translator", "Kvm"]),
                "What runs the processors: Auto is the fastest there is, the translator or else the interpreter.",
                ours: true),
        ],
        output: "VMProcessor",
        examples: [Example("Set-VMProcessor web01 -Count 4", "Four virtual processors from its next start on.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMProcessor"]) { invocation, target in
            let machine = try target.virtualMachine()
            let settings = ["Count", "Maximum", "Reserve", "RelativeWeight", "Engine", "ResourcePoolName"]
            let pool = try invocation.chosenPool(.processor)
            if settings.contains(where: invocation.isGiven) {
                try machine.configure { configuration in
                    if let pool { configuration.setPool(pool, .processor) }
                    if let count = invocation.integer("Count") { configuration.processor.count = Int(count) }
                    if let maximum = invocation.integer("Maximum") { configuration.processor.maximum = Int(maximum) }
                    if let reserve = invocation.integer("Reserve") { configuration.processor.reserve = Int(reserve) }
                    if let weight = invocation.integer("RelativeWeight") { configuration.processor.relativeWeight = Int(weight) }
                    if let engine = invocation.string("Engine") { configuration.processor.engine = engine }
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.processor(machine))) }
        })
}

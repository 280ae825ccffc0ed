import Basics

extension Cmdlet {
    private static let onlyDynamic = Parameter.Effect.noEffect("it is stored, but there is no dynamic memory service yet")

    /// `Set-VMMemory`.
    static let setVMMemory = Cmdlet(
        "Set", "VMMemory", synopsis: "Changes the memory settings of virtual machines that are off.",
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VM", "VMMemory"])),
            .init("VMObject", shape: .passthru(["VMName", "VM", "VMMemory"])),
            .init("ResourceObject", shape: .passthru(["VMName", "VM", "VMMemory"])),
        ],
        parameters: Parameter.partTargets + [
            Parameter(
                "VMMemory", .object("VMMemory"), "Memory settings, as Get-VMMemory gives them.", sets: ["ResourceObject"], mandatory: true,
                position: 0, pipeline: .byValue, many: true),
            Parameter("StartupBytes", .bytes, "Memory that it starts with."),
            Parameter(
                "DynamicMemoryEnabled", .boolean, "Whether memory may grow and shrink; $true is an error until the service is there."),
            Parameter("MinimumBytes", .bytes, "Least memory with dynamic memory.", effect: onlyDynamic),
            Parameter("MaximumBytes", .bytes, "Most memory with dynamic memory.", effect: onlyDynamic),
            Parameter("Buffer", .integer(5...2000), "Percent kept free with dynamic memory.", effect: onlyDynamic),
            Parameter("Priority", .integer(0...100), "Priority against other virtual machines.", effect: onlyDynamic),
            Parameter(
                "MaximumAmountPerNumaNodeBytes", .bytes, "Memory of one NUMA node.",
                effect: .noEffect("virtual machines have one NUMA node")),
            Parameter("ResourcePoolName", .string, "The resource pool.", effect: .refused("there are no resource pools")),
            .passthru,
        ],
        output: "VMMemory",
        examples: [Example("Set-VMMemory web01 -StartupBytes 1GB", "1 GiB of memory from its next start on.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMMemory"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard !invocation.isOn("DynamicMemoryEnabled") else {
                throw ErrorRecord(
                    "Set-VMMemory -DynamicMemoryEnabled $true: the dynamic memory service is not there yet.", "ServiceMissing",
                    .notImplemented,
                    target: target.displayName, cmdlet: "Set-VMMemory")
            }
            let settings = ["StartupBytes", "DynamicMemoryEnabled", "MinimumBytes", "MaximumBytes", "Buffer", "Priority"]
            if settings.contains(where: invocation.isGiven) {
                try machine.configure { configuration in
                    if let bytes = invocation.integer("StartupBytes") { configuration.memory.startupBytes = UInt64(bytes) }
                    if invocation.isGiven("DynamicMemoryEnabled") { configuration.memory.dynamicMemoryEnabled = false }
                    if let bytes = invocation.integer("MinimumBytes") { configuration.memory.minimumBytes = UInt64(bytes) }
                    if let bytes = invocation.integer("MaximumBytes") { configuration.memory.maximumBytes = UInt64(bytes) }
                    if let buffer = invocation.integer("Buffer") { configuration.memory.buffer = Int(buffer) }
                    if let priority = invocation.integer("Priority") { configuration.memory.priority = Int(priority) }
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.memory(machine))) }
        })
}

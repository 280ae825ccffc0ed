import Basics
import Persistence

extension Cmdlet {
    /// `Set-VMMemory`.
    static let setVMMemory = Cmdlet(
        "Set", "VMMemory", synopsis: "Changes the memory settings of virtual machines.",
        details:
            "While a machine with dynamic memory runs, its minimum may be lowered, its maximum raised, buffer and priority changed; all else needs it to be off.",
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
            Parameter("DynamicMemoryEnabled", .boolean, "Whether memory may grow and shrink between its limits."),
            Parameter("MinimumBytes", .bytes, "Least memory with dynamic memory."),
            Parameter("MaximumBytes", .bytes, "Most memory with dynamic memory."),
            Parameter("Buffer", .integer(5...2000), "Percent kept free with dynamic memory."),
            Parameter("Priority", .integer(0...100), "Priority against other virtual machines."),
            Parameter(
                "MaximumAmountPerNumaNodeBytes", .bytes, "Memory of one NUMA node.",
                effect: .noEffect("virtual machines have one NUMA node")),
            .resourcePool(),
            .passthru,
        ],
        output: "VMMemory",
        examples: [
            Example("Set-VMMemory web01 -StartupBytes 1GB", "1 GiB of memory from its next start on."),
            Example(
                "Set-VMMemory web01 -DynamicMemoryEnabled $true -MinimumBytes 256MB -MaximumBytes 2GB", "Memory as the guest needs it."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMMemory"]) { invocation, target in
            let machine = try target.virtualMachine()
            let settings = [
                "StartupBytes", "DynamicMemoryEnabled", "MinimumBytes", "MaximumBytes", "Buffer", "Priority", "ResourcePoolName",
            ]
            let pool = try invocation.chosenPool(.memory)
            if settings.contains(where: invocation.isGiven) {
                try machine.configure { configuration in
                    if let pool { configuration.setPool(pool, .memory) }
                    if let bytes = invocation.integer("StartupBytes") { configuration.memory.startupBytes = UInt64(bytes) }
                    if invocation.isGiven("DynamicMemoryEnabled") {
                        if invocation.isOn("DynamicMemoryEnabled") {
                            configuration.memory.makeDynamic()
                        } else {
                            configuration.memory.dynamicMemoryEnabled = false
                        }
                    }
                    if let bytes = invocation.integer("MinimumBytes") { configuration.memory.minimumBytes = UInt64(bytes) }
                    if let bytes = invocation.integer("MaximumBytes") { configuration.memory.maximumBytes = UInt64(bytes) }
                    if let buffer = invocation.integer("Buffer") { configuration.memory.buffer = Int(buffer) }
                    if let priority = invocation.integer("Priority") { configuration.memory.priority = Int(priority) }
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.memory(machine))) }
        })
}

extension VirtualMachineConfiguration.Memory {
    /// Turns dynamic memory on; limits that do not hold the startup memory are widened to it.
    mutating func makeDynamic() {
        dynamicMemoryEnabled = true
        minimumBytes = min(minimumBytes, startupBytes)
        maximumBytes = max(maximumBytes, startupBytes)
    }
}

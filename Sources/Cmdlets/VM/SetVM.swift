import Basics
import Management
import Persistence

extension Cmdlet {
    /// `Set-VM`.
    static let setVM = Cmdlet(
        "Set", "VM", synopsis: "Changes settings of virtual machines.",
        details:
            "The settings of one call are changed together or not at all; -NewVMName is done after them. Processor and time settings and the startup memory need the machine to be off. The automatic actions are what `lunavisor host start` and `lunavisor host stop` do; Scripts/lunavisor.service has systemd call them.",
        sets: ParameterSet.verbSets,
        parameters: [.vmName(), .vm()] + Parameter.remote(sets: ["Name"]) + [
            Parameter("ProcessorCount", .integer(1...8), "Number of virtual processors."),
            Parameter("MemoryStartupBytes", .bytes, "Memory that it starts with."),
            Parameter("MemoryMinimumBytes", .bytes, "Least memory with dynamic memory."),
            Parameter("MemoryMaximumBytes", .bytes, "Most memory with dynamic memory."),
            Parameter("StaticMemory", .switched, "Memory neither grows nor shrinks."),
            Parameter("DynamicMemory", .switched, "Lets memory grow and shrink between its limits."),
            Parameter(
                "AutomaticStartAction", .enumeration("StartAction", ["Nothing", "StartIfRunning", "Start"]),
                "What the host's start does with it: StartIfRunning starts it when it ran as the host went down."),
            Parameter("AutomaticStartDelay", .integer(0...Int64(Int32.max)), "Seconds that this waits."),
            Parameter(
                "AutomaticStopAction", .enumeration("StopAction", ["TurnOff", "Save", "ShutDown"]),
                "What the host's shutdown does with it; a guest that cannot be shut down is saved."),
            Parameter(
                "AutomaticCriticalErrorAction", .enumeration("CriticalErrorAction", ["None", "Pause"]),
                "What a lost disk does with it.", effect: .noEffect("a machine whose disk is full or lost is always paused")),
            Parameter(
                "AutomaticCriticalErrorActionTimeout", .integer(0...Int64(Int32.max)), "Minutes that this waits.",
                effect: .noEffect("a machine whose disk is full or lost is always paused")),
            Parameter(
                "AutomaticCheckpointsEnabled", .boolean, "Makes a checkpoint at each start, in place of the last start's."),
            Parameter(
                "CheckpointType", .enumeration("CheckpointType", ["Disabled", "Production", "ProductionOnly", "Standard"]),
                "Kind of checkpoints to make of it: Production falls back to Standard, ProductionOnly does not."),
            Parameter(
                "LockOnDisconnect", .enumeration("OnOffState", ["On", "Off"]), "Whether its console locks when the viewer leaves.",
                effect: .noEffect("it is stored, but there is no video console")),
            Parameter("Notes", .string, "Free text.", allowsEmpty: true),
            Parameter("NewVMName", .string, "A new name."),
            Parameter(
                "SnapshotFileLocation", .path,
                "Where the memory of new checkpoints lies; disks always go on beside their parents.", completion: .path),
            Parameter("SmartPagingFilePath", .path, "Where its paging file lies.", effect: .noEffect("there is no smart paging")),
            Parameter(
                "GuestControlledCacheTypes", .boolean, "Lets the guest choose cache types.",
                effect: .noEffect("no device is assigned to guests")),
            Parameter(
                "LowMemoryMappedIoSpace", .bytes, "Size of device memory below 4 GiB.", effect: .noEffect("no device is assigned to guests")
            ),
            Parameter(
                "HighMemoryMappedIoSpace", .bytes, "Size of device memory above 4 GiB.",
                effect: .noEffect("no device is assigned to guests")),
            Parameter(
                "AllowUnverifiedPaths", .switched, "Accepts paths that are not there.", effect: .noEffect("no path of this cmdlet acts")),
            .passthru,
            Parameter(
                "TimeMode", .enumeration("TimeMode", ["Real", "Exact"]), "Real time, or Exact: the same inputs give the same run.",
                ours: true),
            .architecture,
            Parameter("Seed", .integer(0...Int64.max), "Exact mode's seed.", ours: true),
            Parameter(
                "PicosecondsPerInstruction", .integer(1...1_000_000_000), "Exact mode: guest time of one instruction.", ours: true),
        ],
        output: "VirtualMachine",
        examples: [Example("Set-VM web01 -ProcessorCount 4 -Notes 'front end'", "Four processors and a note.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard !(invocation.isOn("StaticMemory") && invocation.isOn("DynamicMemory")) else {
                throw ErrorRecord(
                    "Set-VM: -StaticMemory and -DynamicMemory do not go together.", "AmbiguousParameterSet", .invalidArgument,
                    target: target.displayName, cmdlet: "Set-VM")
            }
            let seen = [
                "ProcessorCount", "MemoryStartupBytes", "MemoryMinimumBytes", "MemoryMaximumBytes", "StaticMemory", "DynamicMemory",
                "AutomaticStartAction", "AutomaticStartDelay", "AutomaticStopAction", "CheckpointType", "AutomaticCheckpointsEnabled",
                "SnapshotFileLocation", "LockOnDisconnect", "Notes", "TimeMode", "Seed", "PicosecondsPerInstruction",
                "Architecture",
            ]
            if seen.contains(where: invocation.isGiven) {
                try machine.configure { configuration in
                    if let count = invocation.integer("ProcessorCount") { configuration.processor.count = Int(count) }
                    if let bytes = invocation.integer("MemoryStartupBytes") { configuration.memory.startupBytes = UInt64(bytes) }
                    if let bytes = invocation.integer("MemoryMinimumBytes") { configuration.memory.minimumBytes = UInt64(bytes) }
                    if let bytes = invocation.integer("MemoryMaximumBytes") { configuration.memory.maximumBytes = UInt64(bytes) }
                    if invocation.isOn("StaticMemory") { configuration.memory.dynamicMemoryEnabled = false }
                    if invocation.isOn("DynamicMemory") { configuration.memory.makeDynamic() }
                    if let action = invocation.string("AutomaticStartAction") { configuration.automaticStartAction = action }
                    if let delay = invocation.integer("AutomaticStartDelay") { configuration.automaticStartDelay = Int(delay) }
                    if let action = invocation.string("AutomaticStopAction") { configuration.automaticStopAction = action }
                    if let type = invocation.string("CheckpointType") { configuration.checkpointType = type }
                    if invocation.isGiven("AutomaticCheckpointsEnabled") {
                        configuration.automaticCheckpoints = invocation.isOn("AutomaticCheckpointsEnabled") ? true : nil
                    }
                    if let path = invocation.string("SnapshotFileLocation") { configuration.snapshotFileLocation = path }
                    if let lock = invocation.string("LockOnDisconnect") { configuration.lockOnDisconnect = lock }
                    if let notes = invocation.string("Notes") { configuration.notes = notes }
                    if let mode = invocation.string("TimeMode").flatMap({ VirtualMachineConfiguration.TimeMode(rawValue: $0) }) {
                        configuration.timeMode = mode
                    }
                    if let architecture = invocation.architecture() { configuration.architecture = architecture }
                    if let seed = invocation.integer("Seed") { configuration.seed = UInt64(seed) }
                    if let time = invocation.integer("PicosecondsPerInstruction") { configuration.picosecondsPerInstruction = UInt64(time) }
                }
            }
            if let name = invocation.string("NewVMName") { try machine.rename(to: name) }
            try invocation.passthru(target)
        })
}

import Basics

/// What a configuration may hold: the one place that knows the ranges, for `New-VM`, `Set-VM…` and the worker alike.
extension VirtualMachineConfiguration {
    /// Bytes of RAM a guest may have; a multiple of `memoryGranularity`.
    public static let memoryRange: ClosedRange<UInt64> = 32 << 20...1 << 40
    /// The real module's granularity: 2 MiB.
    public static let memoryGranularity: UInt64 = 2 << 20
    public static let processorRange = 1...8
    public static let longestName = 100
    /// Linux's command line (COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h) with its final zero.
    public static let longestKernelArguments = 2047

    /// Throws the first rule that is broken, naming what was given and what is accepted.
    public func check() throws {
        try Self.check(name: name)
        guard generation == 1 || generation == 2 else {
            throw broken("GenerationInvalid", "Generation \(generation) does not exist; a VM's generation is 1 or 2.")
        }
        try checkMemory()
        try checkProcessor()
        if let arguments = firmware.kernelArguments {
            guard arguments.utf8.count <= Self.longestKernelArguments else {
                throw broken(
                    "KernelArgumentsTooLong",
                    "Kernel arguments of \(arguments.utf8.count) bytes are too long; Linux takes \(Self.longestKernelArguments).")
            }
            guard !arguments.utf8.contains(0) else {
                throw broken("KernelArgumentsInvalid", "Kernel arguments may not contain a zero byte.")
            }
        }
        guard notes.utf8.count <= 64 << 10 else { throw broken("NotesTooLong", "Notes may have at most 64 KiB.") }
        guard (1...1_000_000_000).contains(picosecondsPerInstruction) else {
            throw broken("TimeRatioOutOfRange", "\(picosecondsPerInstruction) ps per instruction is out of range (1 to 1,000,000,000).")
        }
        try checkDevices()
        if let count = storage?.virtualProcessorsPerChannel, !(1...Int(UInt16.max)).contains(count) {
            throw broken("StorageSettingsInvalid", "\(count) virtual processors per channel are out of range (1 to 65535).")
        }
        for (number, path) in comPortPaths ?? [:] {
            guard number == 1 || number == 2, path.hasPrefix("/"), !path.hasSuffix("/"), path.utf8.count <= 4000, !path.utf8.contains(0)
            else {
                throw broken(
                    "ComPortPathInvalid", "“\(path.prefix(120))” cannot be the socket of a serial port.",
                    action: "Name an absolute path of a file that is not there.")
            }
        }
        guard seed == nil || timeMode == .exact else {
            throw broken("SeedWithoutExactMode", "A seed has a meaning only with time mode Exact.")
        }
    }

    private func checkMemory() throws {
        func check(_ bytes: UInt64, _ what: String) throws {
            guard Self.memoryRange.contains(bytes) else {
                throw broken(
                    "MemoryOutOfRange",
                    "\(what) of \(bytes) bytes is out of range: at least \(Self.memoryRange.lowerBound >> 20) MB and at most 1 TB.",
                    action: "Give a size such as 512MB.")
            }
            guard bytes % Self.memoryGranularity == 0 else {
                throw broken(
                    "MemoryOutOfRange", "\(what) of \(bytes) bytes is not a multiple of 2 MB.",
                    action: "The nearest is \(bytes / Self.memoryGranularity * 2)MB.")
            }
        }
        try check(memory.startupBytes, "Startup memory")
        guard memory.dynamicMemoryEnabled else { return }
        try check(memory.minimumBytes, "Minimum memory")
        try check(memory.maximumBytes, "Maximum memory")
        guard memory.minimumBytes <= memory.startupBytes, memory.startupBytes <= memory.maximumBytes else {
            throw broken(
                "MemoryOutOfRange",
                "With dynamic memory, minimum (\(memory.minimumBytes >> 20) MB) ≤ startup (\(memory.startupBytes >> 20) MB) ≤ maximum "
                    + "(\(memory.maximumBytes >> 20) MB) must hold.")
        }
    }

    private func checkProcessor() throws {
        guard Self.processorRange.contains(processor.count) else {
            throw broken(
                "ProcessorCountOutOfRange",
                "A VM cannot have \(processor.count) processors: \(Self.processorRange.lowerBound) to "
                    + "\(Self.processorRange.upperBound) are possible.")
        }
        for (value, range, what) in [
            (processor.maximum, 0...100, "Maximum"), (processor.reserve, 0...100, "Reserve"),
            (processor.relativeWeight, 0...10_000, "RelativeWeight"), (memory.buffer, 5...2000, "Buffer"),
            (memory.priority, 0...100, "Priority"),
        ] where !range.contains(value) {
            throw broken("ValueOutOfRange", "\(what) \(value) is out of range (\(range.lowerBound) to \(range.upperBound)).")
        }
        guard ["Auto", "Interpreter", "Translator", "Kvm"].contains(processor.engine) else {
            throw broken("EngineInvalid", "There is no engine “\(processor.engine)”; there are Auto, Interpreter, Translator and Kvm.")
        }
    }

    private func broken(_ identifier: String, _ message: String, action: String? = nil) -> PersistenceError {
        PersistenceError(identifier, .invalidArgument, message, action: action, target: name)
    }

    /// Rules for VM names: they stand in command lines, patterns and messages.
    public static func check(name: String) throws {
        func invalid(_ why: String) -> PersistenceError {
            PersistenceError(
                "VMNameInvalid", .invalidArgument, "“\(printable(name))” cannot be a VM's name: \(why).",
                action: "Choose a name of 1 to \(longestName) characters without / \\ * ? [ ] and control characters.",
                target: printable(name))
        }
        if let flaw = NameRule.flaw(of: name) { throw invalid(flaw) }
        guard name.count <= longestName, name.utf8.count <= 4 * longestName else { throw invalid("it has \(name.count) characters") }
        guard name.first?.isWhitespace == false, name.last?.isWhitespace == false else {
            throw invalid("it begins or ends with white space")
        }
        guard !name.contains(where: { "*?[]".contains($0) }) else { throw invalid("* ? [ ] are wildcards") }
        guard !name.contains(where: { "/\\".contains($0) }), name != ".", name != ".." else { throw invalid("it looks like a path") }
        let isControl = { (scalar: Unicode.Scalar) in
            [.format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }
        guard !name.unicodeScalars.contains(where: isControl) else { throw invalid("it contains control characters") }
    }

    /// A name as it may stand in a message.
    private static func printable(_ name: String) -> String {
        let shown = name.unicodeScalars.prefix(120).map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
        return name.unicodeScalars.count > 120 ? shown + "…" : shown
    }

    /// What two names are compared by: names are unique within a store without regard to case.
    public static func key(ofName name: String) -> String { name.lowercased() }

    /// The fields that may change while the VM runs, taken over from `other`; everything else stays.
    public func takingLiveFields(from other: VirtualMachineConfiguration) -> VirtualMachineConfiguration {
        var result = self
        result.name = other.name
        result.notes = other.notes
        result.automaticStartAction = other.automaticStartAction
        result.automaticStartDelay = other.automaticStartDelay
        result.automaticStopAction = other.automaticStopAction
        result.checkpointType = other.checkpointType
        result.bios = other.bios
        result.comPortPaths = other.comPortPaths
        result.metering = other.metering
        result.resourcePools = other.resourcePools
        result.filesPath = other.filesPath
        result.snapshotFileLocation = other.snapshotFileLocation
        result.formerSnapshotLocations = other.formerSnapshotLocations
        result.automaticCheckpoints = other.automaticCheckpoints
        result.past = other.past
        result.lockOnDisconnect = other.lockOnDisconnect
        return result
    }
}

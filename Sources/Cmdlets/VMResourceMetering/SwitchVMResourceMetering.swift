import Management

extension Cmdlet {
    /// `Enable-VMResourceMetering`.
    static let enableVMResourceMetering = metering(
        "Enable", "Counts what virtual machines use from now on, also over stops and starts; Measure-VM shows it.",
        example: Example("Enable-VMResourceMetering web01", "Counts processor time, memory, disk and network traffic of web01."),
        poolIsMetered: true
    ) { try $0.enableMetering() }

    /// `Disable-VMResourceMetering`.
    static let disableVMResourceMetering = metering(
        "Disable", "Stops counting what virtual machines use, and forgets what was counted.",
        example: Example("Disable-VMResourceMetering web01", "Counts no more."),
        poolIsMetered: false
    ) { try $0.disableMetering() }

    /// `Reset-VMResourceMetering`.
    static let resetVMResourceMetering = metering(
        "Reset", "Begins to count anew what virtual machines use.",
        example: Example("Measure-VM web01; Reset-VMResourceMetering web01", "Shows what web01 used since the last time, and begins anew."),
        poolIsMetered: nil
    ) { try $0.resetMetering() }

    private static func metering(
        _ verb: String, _ synopsis: String, example: Example, poolIsMetered: Bool?,
        _ change: @escaping @Sendable (VirtualMachine) throws -> Void
    ) -> Cmdlet {
        Cmdlet(
            verb, "VMResourceMetering", synopsis: synopsis,
            sets: ["VMName", "ResourcePool", "VMObject"].map { .init($0, isDefault: $0 == "VMName", shape: .nothing) },
            parameters: [
                Parameter(
                    "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["VMName"],
                    mandatory: true, position: 0, many: true, wildcards: true, completion: .vmName),
                .vm(),
                Parameter(
                    "ResourcePoolName", .string, "A resource pool: all machines that take from it now.", aliases: ["Name"],
                    sets: ["ResourcePool"], mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName]),
                Parameter(
                    "ResourcePoolType", .enumeration("VMResourcePoolType", ["Ethernet", "Memory", "Processor", "VHD"]),
                    "Kind of the resource pool.", sets: ["ResourcePool"], position: 1, pipeline: .byPropertyName),
            ]
                + Parameter.remote(sets: [], sessionByProperty: true),
            examples: [example],
            body: .perCall { invocation in
                let host = invocation.context.host
                guard invocation.isGiven("ResourcePoolName") else { return try invocation.forEachMachine(change) }
                for pool in try invocation.resourcePools("ResourcePoolName") {
                    if let poolIsMetered { try host.changePool(pool) { $0.isMetered = poolIsMetered } }
                    for machine in try host.members(of: pool) {
                        do { try change(machine) } catch { try invocation.report(error) }
                    }
                }
            })
    }
}

extension Invocation {
    /// Acts on the machines of -VMName and -VM: a failure is reported and the next one follows.
    fileprivate func forEachMachine(_ body: (VirtualMachine) throws -> Void) throws {
        for (machine, _) in try machines(["VMName", "VM"]) {
            do { try body(machine) } catch { try report(error) }
        }
    }
}

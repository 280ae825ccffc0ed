extension Cmdlet {
    private static let poolShape = Shape.computed("a list with -Passthru") { $0.isOn("Passthru") ? .many : .nothing }

    /// `Remove-VMResourcePool`.
    static let removeVMResourcePool = Cmdlet(
        "Remove", "VMResourcePool", synopsis: "Removes resource pools that nothing takes from.",
        sets: [.init("ComputerName", isDefault: true, shape: poolShape), .init("CimSession", shape: poolShape)],
        parameters: [
            Parameter("Name", .string, "Name of the pool.", mandatory: true, position: 0, pipeline: .byPropertyName),
            Parameter(
                "ResourcePoolType", .poolType, "Kinds of the pools of that name.", mandatory: true, position: 1, pipeline: .byPropertyName,
                many: true),
            Parameter("ComputerName", .computer, "localhost, . or this host's own name.", sets: ["ComputerName"], many: true),
            Parameter(
                "Credential", .any, "Who to be on another host.", sets: ["ComputerName"], many: true,
                effect: .refused("remote hosts are not there yet")),
            .cimSession(sets: ["CimSession"], mandatory: true, pipeline: .byPropertyName), .passthru,
        ],
        output: "VMResourcePool", examples: [Example("Remove-VMResourcePool fast VHD", "Removes the pool; its images stay.")],
        shouldProcess: true,
        body: .perCall { invocation in
            for pool in try invocation.resourcePools() where try invocation.shouldProcess(pool.name, "Remove-VMResourcePool") {
                try invocation.context.host.removePool(pool)
                if invocation.isOn("Passthru") { try invocation.emit(pool.value) }
            }
        })

    /// `Rename-VMResourcePool`.
    static let renameVMResourcePool = Cmdlet(
        "Rename", "VMResourcePool", synopsis: "Gives a resource pool another name; who takes from it stays.",
        sets: [.init("Default", shape: poolShape)],
        parameters: [
            Parameter("Name", .string, "Name of the pool.", mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName]),
            Parameter("ResourcePoolType", .poolType, "Kind of the pool.", mandatory: true, position: 1, pipeline: .byPropertyName),
            Parameter("NewName", .string, "The new name.", mandatory: true, position: 2), .passthru,
        ] + Parameter.remote(sets: [], sessionByProperty: true),
        output: "VMResourcePool", examples: [Example("Rename-VMResourcePool fast VHD nvme", "The pool is called nvme from now on.")],
        shouldProcess: true,
        body: .perCall { invocation in
            let new = invocation.string("NewName") ?? ""
            for var pool in try invocation.resourcePools() where try invocation.shouldProcess(pool.name, "Rename-VMResourcePool") {
                try invocation.context.host.changePool(pool) { $0.name = new }
                pool.name = new
                if invocation.isOn("Passthru") { try invocation.emit(pool.value) }
            }
        })

    /// `Set-VMResourcePool`.
    static let setVMResourcePool = Cmdlet(
        "Set", "VMResourcePool", synopsis: "Makes resource pools parts of other ones.",
        sets: [.init("Default", shape: poolShape)],
        parameters: [
            Parameter("Name", .string, "Names of pools.", mandatory: true, position: 0, pipeline: .byPropertyName, many: true),
            Parameter("ResourcePoolType", .poolType, "Kind of the pools.", mandatory: true, position: 1, pipeline: .byPropertyName),
            Parameter("ParentName", .string, "The pools that they are part of.", mandatory: true, position: 2, many: true), .passthru,
        ] + Parameter.remote(sets: [], sessionByProperty: true),
        output: "VMResourcePool", examples: [Example("Set-VMResourcePool team1 Memory -ParentName all", "team1 counts for all, too.")],
        shouldProcess: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            for var pool in try invocation.resourcePools() where try invocation.shouldProcess(pool.name, "Set-VMResourcePool") {
                let parents = try (invocation.list("ParentName") ?? []).map { try host.resourcePool(named: $0.text, pool.kind).name }
                guard !parents.contains(pool.name) else {
                    throw ErrorRecord(
                        "Set-VMResourcePool: “\(pool.name)” cannot be its own parent.", "ResourcePoolInvalid", .invalidArgument,
                        target: pool.name, cmdlet: "Set-VMResourcePool")
                }
                try host.changePool(pool) { $0.parents = parents }
                pool.parents = parents
                if invocation.isOn("Passthru") { try invocation.emit(pool.value) }
            }
        })
}

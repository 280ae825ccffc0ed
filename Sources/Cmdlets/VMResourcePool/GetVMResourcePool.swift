extension Cmdlet {
    /// `Get-VMResourcePool`.
    static let getVMResourcePool = Cmdlet(
        "Get", "VMResourcePool", synopsis: "Gets resource pools.",
        details: "The pool Primordial of each kind is there always, and holds what belongs to no other.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "Name", .string, "Names of pools; wildcards are accepted.", position: 0, pipeline: .byValue, many: true, wildcards: true),
            Parameter("ResourcePoolType", .poolType, "Only pools of these kinds.", position: 1, many: true),
        ] + Parameter.remote(sets: []),
        output: "VMResourcePool", examples: [Example("Get-VMResourcePool -ResourcePoolType VHD", "The pools of hard disks.")],
        body: .perCall { invocation in for pool in try invocation.resourcePools() { try invocation.emit(pool.value) } })
}

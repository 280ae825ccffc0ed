import Persistence

extension Cmdlet {
    /// `New-VMResourcePool`.
    static let newVMResourcePool = Cmdlet(
        "New", "VMResourcePool", synopsis: "Makes resource pools, one of each kind that is named.",
        details:
            "Machines, drives and adapters take from a pool by -ResourcePoolName. A pool of images names the folders they lie in, a pool of Ethernet its switches (Add-VMSwitch). Pools of memory and processors count what is used (Measure-VMResourcePool); they reserve nothing.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter("Name", .string, "Name of the pool.", mandatory: true, position: 0, pipeline: .byValue),
            Parameter("ResourcePoolType", .poolType, "Kinds of what it holds.", mandatory: true, position: 1, many: true),
            Parameter("ParentName", .string, "The pools that it is part of; Primordial unless given.", position: 2, many: true),
            Parameter("Paths", .path, "Folders of a pool of images.", position: 3, many: true, completion: .path),
        ] + Parameter.remote(sets: []),
        output: "VMResourcePool",
        examples: [
            Example("New-VMResourcePool fast VHD -Paths /srv/nvme", "A pool of disks that lie in /srv/nvme."),
            Example("New-VMResourcePool team1 -ResourcePoolType Processor, Memory", "Two pools, to count what a team uses."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let name = invocation.string("Name") ?? ""
            for kind in try invocation.poolKinds() where try invocation.shouldProcess(name, "New-VMResourcePool") {
                let pool = try invocation.context.host.createPool(
                    named: name, kind, parents: (invocation.list("ParentName") ?? []).map(\.text),
                    paths: (invocation.list("Paths") ?? []).map(\.text))
                try invocation.emit(pool.value)
            }
        })
}

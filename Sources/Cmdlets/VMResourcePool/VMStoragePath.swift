import Basics
import Management
import Persistence
import Storage

extension Cmdlet {
    private static func storagePath(
        _ verb: String, _ synopsis: String, example: Example, _ change: @escaping @Sendable (inout [String], String) throws -> Void
    ) -> Cmdlet {
        Cmdlet(
            verb, "VMStoragePath", synopsis: synopsis,
            sets: [.init("Default", shape: .computed("a list with -Passthru") { $0.isOn("Passthru") ? .many : .nothing })],
            parameters: [
                Parameter("Path", .path, "Folders.", mandatory: true, position: 0, pipeline: .byValue, many: true, completion: .path),
                Parameter("ResourcePoolName", .string, "Names of pools.", mandatory: true, position: 1, many: true),
                Parameter(
                    "ResourcePoolType", .enumeration("VMResourcePoolType", ["VHD", "ISO", "VFD"]), "Kind of the pools.", mandatory: true,
                    position: 2), .passthru,
            ] + Parameter.remote(sets: []),
            output: "VMResourcePool", examples: [example], shouldProcess: true,
            body: .perCall { invocation in
                for pool in try invocation.resourcePools("ResourcePoolName")
                where try invocation.shouldProcess(pool.name, invocation.cmdlet.name) {
                    try invocation.context.host.changePool(pool) { pool in
                        for value in invocation.list("Path") ?? [] { try change(&pool.paths, DiskOperations.absolutePath(value.text)) }
                    }
                    guard invocation.isOn("Passthru") else { continue }
                    try invocation.emit(try invocation.context.host.resourcePool(named: pool.name, pool.kind).value)
                }
            })
    }

    /// `Add-VMStoragePath`.
    static let addVMStoragePath = storagePath(
        "Add", "Adds folders to resource pools of images; images of the pool lie in or beneath them.",
        example: Example("Add-VMStoragePath /srv/nvme2 fast VHD", "Disks of the pool fast may lie in /srv/nvme2, too.")
    ) { paths, path in if !paths.contains(path) { paths.append(path) } }

    /// `Remove-VMStoragePath`.
    static let removeVMStoragePath = storagePath(
        "Remove", "Takes folders from resource pools of images; images that are attached already stay.",
        example: Example("Remove-VMStoragePath /srv/nvme2 fast VHD", "New disks of the pool fast cannot lie in /srv/nvme2 any more.")
    ) { paths, path in
        guard paths.contains(path) else {
            throw ErrorRecord(
                "The pool has no folder “\(path)”.", "StoragePathNotFound", .objectNotFound, target: path,
                action: "It has \(paths.isEmpty ? "none" : Spelling.list(paths, "and")).", cmdlet: "Remove-VMStoragePath")
        }
        paths.removeAll { $0 == path }
    }

    /// `Get-VMStoragePath`.
    static let getVMStoragePath = Cmdlet(
        "Get", "VMStoragePath", synopsis: "Gets the folders of resource pools of images.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "Path", .path, "Only these folders; wildcards are accepted.", position: 0, pipeline: .byValue, many: true, wildcards: true),
            Parameter(
                "ResourcePoolName", .string, "Names of pools; wildcards are accepted.", mandatory: true, position: 1, many: true,
                wildcards: true),
            Parameter("ResourcePoolType", .poolType, "Kind of the pools.", mandatory: true, position: 2),
        ] + Parameter.remote(sets: []),
        output: "VMStorageResourcePool",
        examples: [Example("Get-VMStoragePath -ResourcePoolName fast -ResourcePoolType VHD", "The folders of the pool fast.")],
        body: .perCall { invocation in
            let patterns = (invocation.list("Path") ?? []).map { WildcardPattern($0.text) }
            for pool in try invocation.resourcePools("ResourcePoolName") {
                for path in pool.paths where patterns.isEmpty || patterns.contains(where: { $0.matches(path) }) {
                    try invocation.emit(
                        .record(
                            Record(
                                typeName: "VMStorageResourcePool",
                                [
                                    ("Path", .string(path)), ("Paths", .list([.string(path)])), ("Name", .string(pool.name)),
                                    ("ResourcePoolType", .string(pool.kind.rawValue)), ("ComputerName", .string(LocalHost.name)),
                                ])))
                }
            }
        })
}

import Management
import Persistence

extension Cmdlet {
    /// `Get-VMFile`.
    static let getVMFile = Cmdlet(
        "Get", "VMFile", synopsis: "Gets the files of virtual machines: which belongs to which machine and checkpoint, and which to none.",
        details:
            "Without a name also files in the store and beside disks that look like ours and that nothing refers to: differencing images of checkpoints, memory, and what commands left that were cut off. Their VMName is empty.",
        sets: [
            .init("VMName", isDefault: true, shape: .many), .init("VMObject", shape: .many), .init("Orphan", shape: .many),
        ],
        parameters: [
            .partVMName(mandatory: false), .vm(),
            Parameter(
                "Kind", .enumeration("VMFileKind", StoredFile.Kind.allCases.map(\.rawValue)), "Only of these kinds.", many: true, ours: true
            ),
            Parameter(
                "Orphan", .switched, "Only those that nothing refers to.", sets: ["Orphan"], mandatory: true, ours: true),
        ] + Parameter.remote(sets: ["VMName"]),
        output: "VMFile",
        examples: [
            Example("Get-VMFile web01", "All of web01's files."),
            Example("Get-VMFile -Orphan", "What nothing refers to."),
        ],
        ours: true,
        body: .perCall { invocation in
            let host = invocation.context.host
            let machines = try invocation.givenMachines("VMName", "VM")
            let kinds = invocation.list("Kind")?.map(\.text)
            for file in try host.storedFiles(of: machines) {
                if invocation.isOn("Orphan"), file.machine != nil { continue }
                if let kinds, !kinds.contains(file.kind.rawValue) { continue }
                try invocation.emit(.object(ComponentObject.file(file)))
            }
        })
}

extension ComponentObject {
    /// As it was found; a file is looked at once.
    fileprivate static func file(_ file: StoredFile) -> ComponentObject {
        let name = file.path.lastIndex(of: "/").map { String(file.path[file.path.index(after: $0)...]) } ?? file.path
        let record = Record([
            ("VMName", .string(file.machine?.name ?? "")), ("Kind", .string(file.kind.rawValue)),
            ("Checkpoint", .string(file.checkpoints.joined(separator: ", "))), ("Size", .count(file.size)),
            ("Exists", .boolean(!file.isMissing)), ("Path", .string(file.path)), ("Name", .string(name)),
            ("VMId", file.machine.map { .string($0.id.description) } ?? .null), ("ComputerName", .string(LocalHost.name)),
        ])
        return ComponentObject(
            .vmFile, identity: "\(file.machine?.id.description ?? "")\\\(file.path)", displayName: file.path, machine: file.machine,
            read: { record })
    }
}

extension ObjectType {
    fileprivate static let vmFile = ObjectType(
        name: "VMFile",
        properties: [
            .init("VMName", "String", "Name of the machine that it belongs to; empty: nothing refers to it."),
            .init(
                "Kind", "VMFileKind",
                "Configuration, Disk, Image (what disks stand on), Memory, SavedState, Console, Log, Partial or Other."),
            .init("Checkpoint", "String", "Names of the checkpoints that need it."),
            .init("Size", "Int64", "Bytes of the host's disk that it takes."),
            .init("Exists", "Boolean", "False: something refers to it, but it is not there."),
            .init("Path", "String", "Where it is."),
            .init("Name", "String", "Its name in its folder."),
            .init("VMId", "Guid", "Identifier of the machine."),
            .init("ComputerName", "String", "The host it is on."),
        ])
}

import Basics
import Management

extension Cmdlet {
    private static let typeName = "VHDSnapshotInfo"

    private static func value(_ snapshot: DiskSet.Snapshot, of set: DiskSet, withParents: Bool = false) -> Value {
        let (path, parents) = set.paths(of: snapshot)
        return .record(
            Record(
                typeName: typeName,
                [
                    ("ComputerName", .string(LocalHost.name)), ("FilePath", .string(set.path)),
                    ("SnapshotId", .string(snapshot.id.description)), ("SnapshotPath", .string(path)),
                    ("CreationTime", .time(Timestamp(unixNanoseconds: snapshot.creationTime))), ("ResilientChangeTrackingId", .string("")),
                    ("ParentPathsList", .list(withParents ? parents.map { .string($0) } : [])),
                ]))
    }

    /// `New-VHDSnapshot`, ours: in Windows only programs make snapshots of sets.
    static let newVHDSnapshot = Cmdlet(
        "New", "VHDSnapshot", synopsis: "Keeps VHD sets as they are now.",
        details:
            "What is written from now on goes into an image of its own. SnapshotPath is a disk that can be read as the set was: Mount-VHD -ReadOnly, Convert-VHD. No running machine may have the set.",
        sets: [.init("Default", shape: .oneIfSingle(["Path"]))], parameters: [.vhdPath(many: true)] + Parameter.remote(sets: []),
        output: typeName, examples: [Example("New-VHDSnapshot data.vhds", "Keeps data.vhds as it is now.")], shouldProcess: true,
        ours: true,
        body: .perCall { invocation in
            try invocation.forEachDisk("New-VHDSnapshot") { path in
                var set = try invocation.diskSet(path)
                let made = try invocation.withDisks("Keeping \(path)") { try set.makeSnapshot($0) }
                try invocation.emit(value(made, of: set))
            }
        })

    /// `Get-VHDSnapshot`.
    static let getVHDSnapshot = Cmdlet(
        "Get", "VHDSnapshot", synopsis: "Gets the snapshots of VHD sets, the oldest first.",
        details: "New-VHDSnapshot makes them. SnapshotPath is a disk that can be read as the set was.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            .vhdPath(many: true), Parameter("GetParentPaths", .switched, "Also gives the images below each."),
            Parameter("SnapshotId", .guid, "Only these.", many: true),
        ] + Parameter.remote(sets: []),
        output: typeName,
        examples: [
            Example(
                "Get-VHDSnapshot data.vhds | Where-Object CreationTime -lt (Get-Date).AddDays(-7) | Remove-VHDSnapshot",
                "Forgets snapshots of more than a week ago.")
        ],
        body: .perCall { invocation in
            let ids = invocation.list("SnapshotId")?.compactMap { GUID($0.text) }
            for path in invocation.list("Path") ?? [] {
                do {
                    let set = try invocation.diskSet(path.text)
                    for id in ids ?? [] where !set.snapshots.contains(where: { $0.id == id }) {
                        throw ErrorRecord(
                            "“\(set.path)” has no snapshot \(id).", "VHDSnapshotNotFound", .objectNotFound, target: id.description,
                            action: "Get-VHDSnapshot '\(set.path)' lists those it has.", cmdlet: "Get-VHDSnapshot")
                    }
                    for snapshot in set.snapshots where ids?.contains(snapshot.id) ?? true {
                        try invocation.emit(value(snapshot, of: set, withParents: invocation.isOn("GetParentPaths")))
                    }
                } catch let error as DescribedError { try invocation.report(error) }
            }
        })

    /// `Remove-VHDSnapshot`.
    static let removeVHDSnapshot = Cmdlet(
        "Remove", "VHDSnapshot", synopsis: "Forgets snapshots of VHD sets.",
        details:
            "What was written after a snapshot goes into its image; the disk stays as it is now. Cut at any moment, it is carried on by the next command on the set. No running machine may have the set.",
        sets: [.init("Path", isDefault: true, shape: .nothing), .init("VHDSnapshot", shape: .nothing)],
        parameters: [
            .vhdPath(many: true, sets: ["Path"]),
            Parameter("SnapshotId", .guid, "Which snapshots.", sets: ["Path"], mandatory: true, many: true),
            Parameter(
                "VHDSnapshot", .object(typeName), "Snapshots, as Get-VHDSnapshot gives them.", sets: ["VHDSnapshot"], mandatory: true,
                position: 0, pipeline: .byValue, many: true),
            Parameter(
                "PersistReferencePoint", .switched, "Keeps what backups of changes need.",
                effect: .refused("changes are not tracked; nothing could be read from a reference point")), .asJob,
        ] + Parameter.remote(sets: []),
        examples: [
            Example("Get-VHDSnapshot data.vhds | Select-Object -First 1 | Remove-VHDSnapshot", "Forgets the oldest snapshot of data.vhds.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            var wanted: [(path: String, id: GUID)] = []
            for value in invocation.list("VHDSnapshot") ?? [] {
                let path = try PropertyReader.property("FilePath", of: value)?.text ?? ""
                guard let id = try (PropertyReader.property("SnapshotId", of: value)?.text).flatMap({ GUID($0) }) else { continue }
                wanted.append((path, id))
            }
            if wanted.isEmpty {
                let ids = (invocation.list("SnapshotId") ?? []).compactMap { GUID($0.text) }
                for path in invocation.list("Path") ?? [] { wanted += ids.map { (path.text, $0) } }
            }
            for (path, id) in wanted {
                do {
                    var set = try invocation.diskSet(path)
                    try invocation.checkWritable(set.path)
                    guard try invocation.shouldProcess("snapshot \(id) of \(set.path)", "Remove-VHDSnapshot") else { continue }
                    try invocation.withDisks("Merging \(set.path)") { try set.removeSnapshots([id], $0) }
                } catch let error as DescribedError { try invocation.report(error) }
            }
        })
}

import Management
import Storage

extension Cmdlet {
    /// `Get-VHDSet`.
    static let getVHDSet = Cmdlet(
        "Get", "VHDSet", synopsis: "Gets what VHD sets hold: their snapshots and, if asked for, their images.",
        details: "A set is made by New-VHD or Convert-VHD with a name that ends with .vhds. A machine's drive can be one.",
        departures: [
            "The .vhds file is a document of its own form; sets made by Windows are not read.",
            "A machine with a set has no checkpoints and is not exported; one machine at a time has it.",
        ],
        sets: [.init("Default", shape: .oneIfSingle(["Path"]))],
        parameters: [
            .vhdPath(many: true), Parameter("GetAllPaths", .switched, "Also gives the paths of all images."),
        ] + Parameter.remote(sets: []),
        output: "VHDSetInfo",
        examples: [Example("(Get-VHDSet data.vhds -GetAllPaths).AllPaths", "The files that the set consists of.")],
        body: .perCall { invocation in
            for value in invocation.list("Path") ?? [] {
                do {
                    let set = try invocation.diskSet(value.text)
                    try invocation.emit(
                        .record(
                            Record(
                                typeName: "VHDSetInfo",
                                [
                                    ("ComputerName", .string(LocalHost.name)), ("Path", .string(set.path)),
                                    ("SnapshotIdList", .list(set.snapshots.map { .string($0.id.description) })),
                                    (
                                        "AllPaths",
                                        .list(invocation.isOn("GetAllPaths") ? ([set.path] + set.paths).map { .string($0) } : [])
                                    ),
                                ])))
                } catch { try invocation.report(error) }
            }
        })

    /// `Optimize-VHDSet`.
    static let optimizeVHDSet = Cmdlet(
        "Optimize", "VHDSet", synopsis: "Makes the images of VHD sets smaller.",
        details:
            "Blocks that hold only zeros go. A merge of Remove-VHDSnapshot that was cut is carried on. No running machine may have the set.",
        sets: [.init("Default", shape: .passthru(["Path"]))],
        parameters: [.vhdPath(many: true), .asJob, .passthru] + Parameter.remote(sets: []), output: "VirtualHardDisk",
        examples: [Example("Optimize-VHDSet data.vhds", "Gives unused room back to the host.")], shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachDisk("Optimize-VHDSet") { path in
                var set = try invocation.diskSet(path)
                try invocation.withDisks("Optimizing \(path)") { try set.optimize($0) }
                try invocation.passthruDisk(path)
            }
        })
}

extension Invocation {
    /// The set in that file. A name that does not end with .vhds is an error.
    func diskSet(_ path: String) throws -> DiskSet {
        guard DiskFormat.isSet(fileName: path) else {
            throw ErrorRecord(
                "\(cmdlet.name): “\(path)” is no VHD set: its name does not end with .vhds.", "DiskSetInvalid", .invalidArgument,
                target: path,
                action: "Convert-VHD makes a set of a disk.", cmdlet: cmdlet.name)
        }
        return try DiskSet(path)
    }
}

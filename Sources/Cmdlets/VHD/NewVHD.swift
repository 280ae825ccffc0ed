import Management
import Storage

extension Cmdlet {
    private static let fromDisk = Parameter.Effect.refused(
        "the host's own disks are not read; copy one into a .raw file and Convert-VHD it")

    /// `New-VHD`.
    static let newVHD = Cmdlet(
        "New", "VHD", synopsis: "Makes virtual hard disks.",
        details:
            "The name says the format: .vhdx (up to 64 TB), .vhd (up to 2040 GB), or .vhds, a set: a small file beside its image, a .avhdx, which can have snapshots (New-VHDSnapshot). Without -Fixed it is dynamic: the file grows with its content. The file has a temporary name until it is whole.",
        departures: ["A differencing disk names its parent by the path from its own folder and by the absolute one."],
        sets: [
            .init("DynamicWithoutSource", isDefault: true, shape: .oneIfSingle(["Path"])),
            .init("Differencing", shape: .oneIfSingle(["Path"])), .init("FixedWithoutSource", shape: .oneIfSingle(["Path"])),
            .init("FixedWithSource", shape: .oneIfSingle(["Path"])), .init("DynamicWithSource", shape: .oneIfSingle(["Path"])),
        ],
        parameters: [
            Parameter(
                "Path", .path, "Files to make.", mandatory: true, position: 0, pipeline: [.byValue, .byPropertyName], many: true,
                completion: .path),
            Parameter(
                "ParentPath", .path, "The parent of a differencing disk.", sets: ["Differencing"], mandatory: true, position: 1,
                completion: .path),
            Parameter(
                "SizeBytes", .bytes, "Size of the disk, like 40GB; a differencing one has its parent's unless it shall be larger.",
                sets: ["DynamicWithoutSource", "FixedWithoutSource", "Differencing"], mandatory: true, position: 1
            ).optional(in: "Differencing", position: 2),
            Parameter("Dynamic", .switched, "The file grows with its content.", sets: ["DynamicWithoutSource", "DynamicWithSource"]),
            Parameter(
                "Fixed", .switched, "The file has all its room from the beginning.", sets: ["FixedWithoutSource", "FixedWithSource"],
                mandatory: true),
            Parameter("Differencing", .switched, "The file holds what differs from its parent.", sets: ["Differencing"]),
            Parameter("BlockSizeBytes", .bytes, "Bytes that a dynamic file grows by: a power of two, 1MB to 256MB for VHDX."),
            Parameter(
                "LogicalSectorSizeBytes", .integer(512...4096), "512 or 4096.", sets: ["DynamicWithoutSource", "FixedWithoutSource"],
                completion: .values(["512", "4096"])),
            Parameter(
                "PhysicalSectorSizeBytes", .integer(512...4096), "512 or 4096.",
                sets: ["DynamicWithoutSource", "Differencing", "FixedWithoutSource"], completion: .values(["512", "4096"])),
            Parameter(
                "SourceDisk", .integer(0...Int64(UInt32.max)), "A disk of the host to copy.", aliases: ["Number"],
                sets: ["FixedWithSource", "DynamicWithSource"], mandatory: true, pipeline: .byPropertyName, effect: fromDisk),
            .allowedParentPath, .asJob,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("New-VHD web01.vhdx 40GB", "A dynamic disk of 40 GiB."),
            Example("New-VHD -Path db.vhdx -SizeBytes 10GB -Fixed", "One whose room is reserved."),
            Example("New-VHD -Path test.vhdx -ParentPath base.vhdx -Differencing", "One that begins as base.vhdx and leaves that alone."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            for value in invocation.list("Path") ?? [] where value.text.contains("$") {
                invocation.warn(
                    "New-VHD -Path “\(value.text)” contains a $; variables are expanded only in double quotes of the command form.")
            }
            let kind: DiskKind = invocation.isGiven("ParentPath") ? .differencing : invocation.isOn("Fixed") ? .fixed : .dynamic
            try invocation.forEachDisk("New-VHD") { path in
                var specification = DiskSpecification(
                    path: path, kind: kind, size: invocation.integer("SizeBytes").map { UInt64(clamping: $0) })
                specification.blockSize = invocation.integer("BlockSizeBytes").map { UInt32(clamping: $0) }
                specification.logicalSectorSize = invocation.integer("LogicalSectorSizeBytes").map { Int($0) }
                specification.physicalSectorSize = invocation.integer("PhysicalSectorSizeBytes").map { Int($0) }
                specification.parentPath = invocation.string("ParentPath").map { DiskOperations.absolutePath($0) }
                try invocation.withDisks("Making \(path)") { disks in
                    guard DiskFormat.isSet(fileName: path) else { return try disks.create(specification) }
                    try DiskSet.make(path) { image in
                        specification.path = image
                        try disks.create(specification)
                    }
                }
                try invocation.emitDisk(path)
            }
        })
}

import Management

extension Cmdlet {
    /// `Dismount-VHD`.
    static let dismountVHD = Cmdlet(
        "Dismount", "VHD", synopsis: "Ends what Mount-VHD began.",
        details:
            "What clients have written is flushed, the image is closed and its process ends; NBD clients that are still connected lose their connections. A disk that cannot be flushed stays mounted. A block device with a mounted file system must be unmounted first.",
        sets: [
            .init("Path", isDefault: true, shape: .passthru(["Path"])), .init("Disk", shape: .passthru([])),
        ],
        parameters: [
            .vhdPath(many: true, sets: ["Path"]), .vhdSnapshotId(sets: ["Path"]),
            Parameter(
                "DiskNumber", .integer(0...Int64(UInt32.max)), "Number of a mounted disk.", aliases: ["Number"], sets: ["Disk"],
                mandatory: true, position: 0, pipeline: .byPropertyName), .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Dismount-VHD web01.vhdx", "Flushes it and gives the file free."),
            Example("Dismount-VHD -DiskNumber 0", "The same by the number that Mount-VHD -Passthru shows."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            if let number = invocation.integer("DiskNumber") {
                let disk = try invocation.context.host.mountedDisk(number: UInt32(clamping: number))
                guard try invocation.shouldProcess(disk.path, "Dismount-VHD") else { return }
                try invocation.context.host.dismount(disk.path)
                return try invocation.passthruDisk(disk.path)
            }
            try invocation.forEachDisk("Dismount-VHD") { path in
                try invocation.context.host.dismount(path)
                try invocation.passthruDisk(path)
            }
        })
}

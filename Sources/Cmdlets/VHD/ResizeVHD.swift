import Storage

extension Cmdlet {
    /// `Resize-VHD`.
    static let resizeVHD = Cmdlet(
        "Resize", "VHD", synopsis: "Makes virtual hard disks longer or shorter.",
        details:
            "A shorter disk keeps all partitions; without a partition table only room that holds nothing but zeros can go. After shrinking a disk with a GUID partition table the guest makes that table's second copy anew. "
            + parentRule,
        departures: ["VHDs, also differencing ones, can be resized in both directions."],
        sets: [
            .init("Size", isDefault: true, shape: .passthru(["Path"])), .init("MinimumSize", shape: .passthru(["Path"])),
        ],
        parameters: [
            .vhdPath(many: true),
            Parameter("SizeBytes", .bytes, "The new size, like 60GB.", sets: ["Size"], mandatory: true, position: 1),
            Parameter("ToMinimumSize", .switched, "As short as the partitions allow.", sets: ["MinimumSize"], mandatory: true),
            .allowedParentPath, .asJob, .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Resize-VHD web01.vhdx 60GB", "Makes it 60 GiB long; its partitions stay as they are."),
            Example("Resize-VHD web01.vhdx -ToMinimumSize", "Cuts off what lies behind the last partition."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachDisk("Resize-VHD", plan: invocation.checkingUnneeded()) { path in
                try invocation.withDisks("Resizing \(path)") { disks in
                    if let size = invocation.integer("SizeBytes") {
                        try disks.resize(path, to: UInt64(clamping: size))
                    } else {
                        try disks.resizeToMinimum(path)
                    }
                }
                try invocation.passthruDisk(path)
            }
        })
}

import Storage

extension Cmdlet {
    /// `Set-VHD`.
    static let setVHD = Cmdlet(
        "Set", "VHD", synopsis: "Changes what a virtual hard disk file says: its parent, its physical sectors, its identifier.",
        details: "A disk in use cannot be changed. A new identifier makes the children of a VHD strangers to it.",
        sets: [
            .init("Parent", isDefault: true, shape: .passthru(["Path"])), .init("PhysicalSectorSize", shape: .passthru(["Path"])),
            .init("DiskIdentifier", shape: .passthru(["Path"])),
        ],
        parameters: [
            .vhdPath(many: false),
            Parameter(
                "ParentPath", .path, "The file that is its parent now.", sets: ["Parent"], mandatory: true, position: 1, completion: .path),
            Parameter(
                "LeafPath", .path, "The chain's last child.", sets: ["Parent"],
                effect: .noEffect("the file to change is the one named by -Path")),
            Parameter("IgnoreIdMismatch", .switched, "Takes a parent that was changed, or is another one.", sets: ["Parent"]),
            Parameter(
                "PhysicalSectorSizeBytes", .integer(512...4096), "512 or 4096; VHDX only.", sets: ["PhysicalSectorSize"], mandatory: true,
                completion: .values(["512", "4096"])),
            Parameter("ResetDiskIdentifier", .switched, "Gives it a new identifier.", sets: ["DiskIdentifier"], mandatory: true),
            Parameter("Force", .switched, "Answers every question with yes.", sets: ["DiskIdentifier"]), .allowedParentPath, .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Set-VHD web01.avhdx -ParentPath /srv/disks/base.vhdx", "Says where the parent is after it was moved."),
            Example("Set-VHD copy.vhdx -ResetDiskIdentifier -Force", "Tells a copy from its original."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let changes = invocation.isGiven("PhysicalSectorSizeBytes") || invocation.isOn("ResetDiskIdentifier")
            try invocation.forEachDisk("Set-VHD", plan: changes ? invocation.checkingUnneeded() : { _ in [] }) { path in
                try invocation.withDisks("Changing \(path)") { disks in
                    if let parent = invocation.string("ParentPath") {
                        try disks.setParent(
                            path, to: DiskOperations.absolutePath(parent), ignoringIdentifier: invocation.isOn("IgnoreIdMismatch"))
                    }
                    if let size = invocation.integer("PhysicalSectorSizeBytes") { try disks.setPhysicalSectorSize(path, to: Int(size)) }
                    if invocation.isOn("ResetDiskIdentifier") { try disks.resetIdentifier(path) }
                }
                try invocation.passthruDisk(path)
            }
        })
}

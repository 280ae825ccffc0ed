import Management

extension Cmdlet {
    /// `Mount-VHD`.
    static let mountVHD = Cmdlet(
        "Mount", "VHD", synopsis: "Makes virtual hard disks and ISO images disks of this host.",
        details:
            "A process of its own opens the image, so that no virtual machine starts on it meanwhile, and serves it by NBD on a Unix socket: NbdUri of the object is for qemu-img, qemu-nbd, nbdinfo and other NBD clients of the same user. Where the kernel has NBD devices (modprobe nbd) and this user may use them, DevicePath is the disk's block device. The disk stays mounted until Dismount-VHD. "
            + parentRule,
        departures: [
            "A disk is served by NBD; it is a block device of the host only where /dev/nbd0 and its kin are there and may be used.",
            "Raw disks and ISO images are mounted too; an ISO image is always read-only.",
            "Disks stay mounted for the store; they are not mounted again when the host starts.",
        ],
        sets: [.init("Default", shape: .passthru(["Path"]))],
        parameters: [
            .vhdPath(many: true),
            Parameter("NoDriveLetter", .switched, "Gives no drive letters.", effect: .noEffect("this host has no drive letters")),
            Parameter("ReadOnly", .switched, "Lets clients read only; the file is not changed."),
            .vhdSnapshotId(), .allowedParentPath, .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example(
                "Mount-VHD web01.vhdx -Passthru | Select-Object DiskNumber, NbdUri",
                "Mounts it; tells its number and where NBD clients find it."),
            Example("Mount-VHD golden.vhdx -ReadOnly", "Only for reading."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let allowed = (invocation.list("AllowedParentPath") ?? []).map(\.text)
            try invocation.forEachDisk("Mount-VHD") { path in
                try invocation.context.host.mount(
                    path, readOnly: invocation.isOn("ReadOnly"), allowedParents: allowed,
                    isCancelled: { (try? invocation.checkCancelled()) == nil })
                try invocation.passthruDisk(path)
            }
        })
}

extension Parameter {
    /// -SnapshotId of the cmdlets that mount.
    static func vhdSnapshotId(sets: [String] = []) -> Parameter {
        Parameter(
            "SnapshotId", .guid, "A snapshot in a VHD set.", sets: sets, pipeline: .byPropertyName,
            effect: .refused("there are no VHD sets; name the image of a checkpoint with -Path"))
    }
}

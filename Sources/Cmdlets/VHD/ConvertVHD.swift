import Management
import Storage

extension Cmdlet {
    /// `Convert-VHD`.
    static let convertVHD = Cmdlet(
        "Convert", "VHD", synopsis: "Copies a virtual hard disk into another format or kind.",
        details:
            "The names say the formats: .vhdx, .vhd, .raw or .img, for the source also .qcow2 and .vmdk, which qemu-img reads where it is installed. Only what is not zero takes room. The new file has a temporary name until it is whole. "
            + parentRule,
        departures: ["Raw disks (.raw, .img) are converted too, both ways, and qcow2 and VMDK disks are taken from."],
        sets: [.init("Default", shape: .passthru(["Path"]))],
        parameters: [
            .vhdPath(many: false),
            Parameter("DestinationPath", .path, "The file to make.", mandatory: true, position: 1, completion: .path),
            Parameter(
                "VHDType", .enumeration("VhdType", ["Unknown", "Fixed", "Dynamic", "Differencing"]),
                "Kind of the new disk; the source's unless given, and dynamic for a differencing one."),
            Parameter("ParentPath", .path, "Parent of a new differencing disk, which holds what differs from it.", completion: .path),
            Parameter("BlockSizeBytes", .bytes, "Bytes of a block of the new disk."),
            Parameter("DeleteSource", .switched, "Removes the source when the new disk is whole."), .allowedParentPath, .asJob, .passthru,
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Convert-VHD old.vhd new.vhdx -DeleteSource", "Moves a disk to the newer format."),
            Example("Convert-VHD -Path disk.raw -DestinationPath disk.vhdx -VHDType Dynamic", "Makes a disk of another program's image."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let destination = DiskOperations.absolutePath(invocation.string("DestinationPath") ?? "")
            let kind = invocation.string("VHDType").flatMap { DiskKind(rawValue: $0) }
            let isMoving = invocation.isOn("DeleteSource")
            try invocation.forEachDisk("Convert-VHD", plan: isMoving ? invocation.checkingUnneeded(goes: true) : { _ in [] }) { path in
                try invocation.withDisks("Converting \(path)", source: path) { disks in
                    let set = DiskFormat.isSet(fileName: path) ? try DiskSet(path) : nil
                    let isDeleting = invocation.isOn("DeleteSource")
                    func convert(to image: String) throws {
                        try disks.convert(
                            set?.activePath ?? path, to: image, kind: kind,
                            blockSize: invocation.integer("BlockSizeBytes").map { UInt32(clamping: $0) },
                            parentPath: invocation.string("ParentPath").map { DiskOperations.absolutePath($0) },
                            deletingSource: isDeleting && set == nil)
                    }
                    guard DiskFormat.isSet(fileName: destination) else { return try convert(to: destination) }
                    try DiskSet.make(destination, filledBy: convert)
                }
                if invocation.isOn("DeleteSource"), DiskFormat.isSet(fileName: path) {
                    var source = try DiskSet(path)
                    try source.remove()
                }
                try invocation.passthruDisk(destination)
            }
        })
}

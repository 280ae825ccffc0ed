import Basics
import Persistence

extension Cmdlet {
    /// `Add-VMHardDiskDrive`.
    static let addVMHardDiskDrive = Cmdlet(
        "Add", "VMHardDiskDrive", synopsis: "Attaches virtual hard disks to virtual machines.",
        details:
            "Without a place it takes the first free one. A running machine's guest sees the disk at once. The image is opened and looked at; its format is what its name says (.vhdx, .vhd, .raw, .img) and is never guessed later.",
        departures: [
            "There are no IDE controllers.",
            "-AllowedParentPath is ours: a differencing disk's parent outside its folder is opened only when it is named so.",
        ],
        sets: ParameterSet.addDriveSets,
        parameters: [.partVMName(), .vm()] + Parameter.remote(sets: ["VMName"], hasPSName: true) + [
            .driveController(many: false), .controllerType(sets: ["VMName", "VMObject"], position: 1),
            .controllerNumber(sets: ["VMName", "VMObject"], position: 2), .controllerLocation(position: 3),
            Parameter("Path", .path, "The image.", position: 4, completion: .path),
        ] + Parameter.diskExtras(reservations: .switched) + [.allowUnverifiedPaths, .passthru],
        output: "HardDiskDrive",
        examples: [Example("Add-VMHardDiskDrive web01 -Path /srv/data.vhdx", "Attaches the disk at the first free place.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMDriveController"]) { invocation, target in
            try invocation.checkControllerType(target)
            guard let path = invocation.string("Path") else {
                throw ErrorRecord(
                    "Add-VMHardDiskDrive needs -Path: a drive without an image is not there.", "DiskPathMissing", .invalidArgument,
                    target: target.displayName, action: "New-VHD makes an image.", cmdlet: "Add-VMHardDiskDrive")
            }
            var drive = try VirtualMachineConfiguration.Drive(
                kind: .hardDisk, location: 0, imagePath: path, allowedParents: (invocation.list("AllowedParentPath") ?? []).map(\.text))
            if let pool = try invocation.chosenPool(.hardDisk, image: drive.path) { drive.pool = pool }
            let added = try invocation.addDrive(drive, to: target)
            try invocation.passthru(added)
        })
}

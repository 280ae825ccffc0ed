import Basics
import Persistence

extension Cmdlet {
    /// `Set-VMHardDiskDrive`.
    static let setVMHardDiskDrive = Cmdlet(
        "Set", "VMHardDiskDrive", synopsis: "Gives a hard disk drive another image or another place.",
        details: "A drive of a running machine can get another image, but moves only while the machine is off.",
        departures: ["Without a place it acts on the machine's only drive; when there are several, that is an error."],
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VMHardDiskDrive"])),
            .init("Object", shape: .passthru(["VMName", "VMHardDiskDrive"])),
        ],
        parameters: [
            .oneVMName, .controllerType(sets: ["VMName"], position: 1), .controllerNumber(sets: ["VMName"], position: 2),
            .controllerLocation(sets: ["VMName"], position: 3), Parameter("Path", .path, "The new image.", position: 4, completion: .path),
            Parameter(
                "VMHardDiskDrive", .object("HardDiskDrive"), "Drives, as Get-VMHardDiskDrive gives them.", sets: ["Object"],
                mandatory: true, position: 0, pipeline: .byValue, many: true),
            Parameter(
                "ToControllerType", .enumeration("ControllerType", ["IDE", "SCSI"]), "SCSI; there are no IDE controllers."),
        ] + Parameter.toPlace + Parameter.diskExtras(reservations: .boolean) + [.allowUnverifiedPaths, .passthru]
            + Parameter.remote(sets: ["VMName"], sessionByProperty: true, hasPSName: true),
        output: "HardDiskDrive",
        examples: [
            Example("Set-VMHardDiskDrive web01 -ControllerNumber 0 -ControllerLocation 1 -Path /srv/new.vhdx", "Another image.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMHardDiskDrive"]) { invocation, target in
            let changed = try invocation.setDrive(.hardDisk, of: target) { drive in
                var new = drive
                if let path = invocation.string("Path") {
                    new = try VirtualMachineConfiguration.Drive(kind: .hardDisk, location: drive.location, imagePath: path)
                }
                if let parents = invocation.list("AllowedParentPath") {
                    new = try VirtualMachineConfiguration.Drive(
                        kind: .hardDisk, location: drive.location, imagePath: new.path ?? "", allowedParents: parents.map(\.text))
                }
                new.pool = drive.pool
                if let pool = try invocation.chosenPool(.hardDisk, image: new.path) { new.pool = pool }
                return new
            }
            try invocation.passthru(changed)
        })
}

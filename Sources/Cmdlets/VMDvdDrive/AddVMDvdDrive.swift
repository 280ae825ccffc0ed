import Basics
import Persistence

extension Cmdlet {
    /// `Add-VMDvdDrive`.
    static let addVMDvdDrive = Cmdlet(
        "Add", "VMDvdDrive", synopsis: "Adds DVD drives to virtual machines, empty or with an ISO image.",
        details: "Without a place it takes the first free one. A running machine's guest sees the drive at once.",
        sets: ParameterSet.addDriveSets,
        parameters: Parameter.partTargets + [
            .driveController(many: true), .controllerNumber(sets: ["VMName", "VMObject"], position: 2), .controllerLocation(position: 3),
            Parameter("Path", .path, "The ISO image.", position: 4, completion: .path), .resourcePool(), .allowUnverifiedPaths, .passthru,
        ],
        output: "DvdDrive",
        examples: [Example("Add-VMDvdDrive web01 -Path /srv/tools.iso", "A drive with a disc in it.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMDriveController"]) { invocation, target in
            var drive =
                try invocation.string("Path").map {
                    try VirtualMachineConfiguration.Drive(kind: .dvd, location: 0, imagePath: $0)
                } ?? VirtualMachineConfiguration.Drive(kind: .dvd, location: 0)
            if let pool = try invocation.chosenPool(.disc, image: drive.path) { drive.pool = pool }
            try invocation.passthru(try invocation.addDrive(drive, to: target))
        })
}

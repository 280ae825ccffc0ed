import Basics
import Persistence

extension Cmdlet {
    /// `Set-VMDvdDrive`.
    static let setVMDvdDrive = Cmdlet(
        "Set", "VMDvdDrive", synopsis: "Inserts or ejects a DVD drive's disc, or moves the drive.",
        details: "An empty -Path ejects, as -Eject does. A running machine's guest is told that the medium changed.",
        departures: [
            "-Eject is ours: where the module takes -Path $null, a parameter that is written without a value is an error here.",
            "Without a place it acts on the machine's only drive; when there are several, that is an error.",
        ],
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VMDvdDrive"])),
            .init("Object", shape: .passthru(["VMName", "VMDvdDrive"])),
        ],
        parameters: [
            .oneVMName, .controllerNumber(sets: ["VMName"], position: 1), .controllerLocation(sets: ["VMName"], position: 2),
            Parameter("Path", .path, "The ISO image; empty: none.", position: 3, completion: .path, allowsEmpty: true),
            Parameter(
                "VMDvdDrive", .object("DvdDrive"), "Drives, as Get-VMDvdDrive gives them.", sets: ["Object"], mandatory: true, position: 0,
                pipeline: .byValue, many: true),
        ] + Parameter.toPlace + [
            .resourcePool(), .allowUnverifiedPaths, .passthru, Parameter("Eject", .switched, "Takes the disc out.", ours: true),
        ] + Parameter.remote(sets: ["VMName"]),
        output: "DvdDrive",
        examples: [
            Example("Set-VMDvdDrive web01 -Path /srv/tools.iso", "Inserts the disc."),
            Example("Set-VMDvdDrive web01 -Eject", "Takes it out."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMDvdDrive"]) { invocation, target in
            let changed = try invocation.setDrive(.dvd, of: target) { drive in
                if invocation.isOn("Eject") || invocation.string("Path") == "" {
                    return VirtualMachineConfiguration.Drive(kind: .dvd, location: drive.location)
                }
                var new = drive
                if let path = invocation.string("Path") {
                    new = try VirtualMachineConfiguration.Drive(kind: .dvd, location: drive.location, imagePath: path)
                    new.pool = drive.pool
                }
                if let pool = try invocation.chosenPool(.disc, image: new.path) { new.pool = pool }
                return new
            }
            try invocation.passthru(changed)
        })
}

import Persistence
import Storage

extension Cmdlet {
    /// `Set-VMFloppyDiskDrive`.
    static let setVMFloppyDiskDrive = Cmdlet(
        "Set", "VMFloppyDiskDrive",
        synopsis: "Puts images into the floppy disk drives of virtual machines of generation 1, or takes them out.",
        departures: ["There is no floppy controller yet: the image is stored and shown, and no guest sees it."],
        sets: ["VMName", "VMObject", "VMFloppyDiskDrive"].map {
            .init($0, isDefault: $0 == "VMName", shape: .passthru(["VMName", "VM", "VMFloppyDiskDrive"]))
        },
        parameters: Parameter.partTargets + [
            Parameter(
                "VMFloppyDiskDrive", .object("VMFloppyDiskDrive"), "Drives, as Get-VMFloppyDiskDrive gives them.",
                sets: ["VMFloppyDiskDrive"], mandatory: true, position: 0, pipeline: .byValue, many: true),
            Parameter(
                "Path", .path, "The image; empty: none.", aliases: ["FullName"], position: 1, pipeline: .byPropertyName, completion: .path,
                effect: .noEffect("it is stored, but there is no floppy controller yet"), allowsEmpty: true),
            .resourcePool(), .passthru,
        ],
        output: "VMFloppyDiskDrive", examples: [Example("Set-VMFloppyDiskDrive old01 -Path /srv/boot.vfd", "Puts the image in.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMFloppyDiskDrive"]) { invocation, target in
            let machine = try invocation.firstGeneration(
                target, "floppy disk drive", instead: "Put the files on an ISO image: Set-VMDvdDrive NAME -Path FILE.iso")
            if let pool = try invocation.chosenPool(.floppy, image: invocation.string("Path")) {
                try machine.configure { $0.setPool(pool, .floppy) }
            }
            if let path = invocation.string("Path") {
                try machine.configure { configuration in
                    var bios = configuration.bios ?? VirtualMachineConfiguration.BIOS()
                    bios.floppyPath = path.isEmpty ? nil : DiskOperations.absolutePath(path)
                    configuration.bios = bios
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.floppyDrive(machine))) }
        })
}

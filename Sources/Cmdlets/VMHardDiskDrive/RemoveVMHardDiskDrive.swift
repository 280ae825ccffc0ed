extension Cmdlet {
    /// `Remove-VMHardDiskDrive`.
    static let removeVMHardDiskDrive = Cmdlet(
        "Remove", "VMHardDiskDrive", synopsis: "Detaches virtual hard disks from virtual machines; their files stay.",
        departures: ["With -Passthru it gives the removed drive, not its controller."],
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VMHardDiskDrive"])),
            .init("VMHardDiskDrive", shape: .passthru(["VMName", "VMHardDiskDrive"])),
        ],
        parameters: [
            .oneVMName, .controllerType(sets: ["VMName"], position: 1, mandatory: true),
            .controllerNumber(sets: ["VMName"], position: 2, mandatory: true),
            .controllerLocation(sets: ["VMName"], position: 3, mandatory: true),
            Parameter(
                "VMHardDiskDrive", .object("HardDiskDrive"), "Drives, as Get-VMHardDiskDrive gives them.", sets: ["VMHardDiskDrive"],
                mandatory: true, position: 0, pipeline: .byValue, many: true),
            .passthru,
        ] + Parameter.remote(sets: ["VMName"]),
        output: "HardDiskDrive",
        examples: [
            Example("Remove-VMHardDiskDrive web01 SCSI 0 1", "Detaches the disk at location 1 of the first controller."),
            Example("Get-VMHardDiskDrive web01 | Remove-VMHardDiskDrive", "Detaches all disks."),
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMHardDiskDrive"]) { invocation, target in
            try invocation.passthru(try invocation.removeDrive(.hardDisk, of: target))
        })
}

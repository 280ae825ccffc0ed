extension Cmdlet {
    /// `Remove-VMDvdDrive`.
    static let removeVMDvdDrive = Cmdlet(
        "Remove", "VMDvdDrive", synopsis: "Takes DVD drives from virtual machines.",
        departures: ["With -Passthru it gives the removed drive, not its controller."],
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VMDvdDrive"])),
            .init("VMDvdDrive", shape: .passthru(["VMName", "VMDvdDrive"])),
        ],
        parameters: [
            .oneVMName, .controllerNumber(sets: ["VMName"], position: 1, mandatory: true),
            .controllerLocation(sets: ["VMName"], position: 2, mandatory: true),
            Parameter(
                "VMDvdDrive", .object("DvdDrive"), "Drives, as Get-VMDvdDrive gives them.", sets: ["VMDvdDrive"], mandatory: true,
                position: 0, pipeline: .byValue, many: true),
            .passthru,
        ] + Parameter.remote(sets: ["VMName"]),
        output: "DvdDrive",
        examples: [Example("Get-VMDvdDrive web01 | Remove-VMDvdDrive", "Takes all DVD drives.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VMDvdDrive"]) { invocation, target in
            try invocation.passthru(try invocation.removeDrive(.dvd, of: target))
        })
}

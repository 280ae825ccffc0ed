import Persistence

/// Hard disk or DVD.
typealias DriveKind = VirtualMachineConfiguration.Drive.Kind

extension Cmdlet {
    /// `Get-VMDvdDrive`.
    static let getVMDvdDrive = Cmdlet(
        "Get", "VMDvdDrive", synopsis: "Gets the DVD drives of virtual machines.",
        sets: ParameterSet.getDriveSets,
        parameters: Parameter.partTargets + [
            .driveController(many: true), .vmSnapshot, .controllerLocation(position: nil),
            .controllerNumber(sets: ["VMName", "VMObject", "VMSnapshot"], position: nil),
        ],
        output: "DvdDrive",
        examples: [Example("Get-VMDvdDrive web01", "The DVD drives of web01.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMDriveController"]) { invocation, target in
            try invocation.emitDrives(.dvd, of: target)
        })
}

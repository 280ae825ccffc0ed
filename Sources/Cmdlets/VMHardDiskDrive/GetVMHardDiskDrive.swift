import Basics

extension Cmdlet {
    /// `Get-VMHardDiskDrive`.
    static let getVMHardDiskDrive = Cmdlet(
        "Get", "VMHardDiskDrive", synopsis: "Gets the hard disk drives of virtual machines.",
        sets: ParameterSet.getDriveSets,
        parameters: Parameter.partTargets + [
            .driveController(many: true), .vmSnapshot, .controllerLocation(position: nil),
            .controllerNumber(sets: ["VMName", "VMObject", "VMSnapshot"], position: nil),
            .controllerType(sets: ["VMName", "VMObject", "VMSnapshot"], position: nil),
        ],
        output: "HardDiskDrive",
        examples: [
            Example("Get-VMHardDiskDrive web01", "The disks of web01."),
            Example("Get-VM | Get-VMHardDiskDrive | Select-Object VMName, Path", "All images in use."),
        ],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot", "VMDriveController"]) { invocation, target in
            guard invocation.string("ControllerType") != "IDE" else { return }
            try invocation.emitDrives(.hardDisk, of: target)
        })
}

extension Invocation {
    /// Emits the drives that the arguments name; where they name exactly one place that is empty, an error.
    func emitDrives(_ kind: DriveKind, of target: any LiveObject) throws {
        let machine = try target.virtualMachine()
        let hasController = isGiven("ControllerNumber") || target is ScsiControllerObject
        guard !hasController || !isGiven("ControllerLocation") else {
            return try emit(.object(DriveObject(machine, try drive(kind, of: target))))
        }
        for placed in try drives(kind, of: target) { try emit(.object(DriveObject(machine, placed))) }
    }
}

import Basics
import Management
import Persistence

/// What the cmdlets on hard disk and DVD drives share.
extension Parameter {
    static func controllerType(sets: [String], position: Int?, mandatory: Bool = false) -> Parameter {
        Parameter(
            "ControllerType", .enumeration("ControllerType", ["IDE", "SCSI"]), "SCSI; there are no IDE controllers.", sets: sets,
            mandatory: mandatory, position: position)
    }

    static func controllerNumber(sets: [String], position: Int?, mandatory: Bool = false) -> Parameter {
        Parameter("ControllerNumber", .integer(0...3), "Number of the controller.", sets: sets, mandatory: mandatory, position: position)
    }

    static func controllerLocation(sets: [String] = [], position: Int?, mandatory: Bool = false) -> Parameter {
        Parameter(
            "ControllerLocation", .integer(0...63), "Place on the controller.", sets: sets, mandatory: mandatory, position: position)
    }

    static func driveController(many: Bool) -> Parameter {
        Parameter(
            "VMDriveController", .object("VMScsiController"), "A controller, as Get-VMScsiController gives it.",
            sets: ["VMDriveController"],
            mandatory: true, position: 0, pipeline: .byValue, many: many)
    }

    /// -ToControllerNumber and -ToControllerLocation.
    static let toPlace: [Parameter] = [
        Parameter("ToControllerNumber", .integer(0...3), "Number of the controller that it moves to."),
        Parameter("ToControllerLocation", .integer(0...63), "Place that it moves to."),
    ]

    static let allowUnverifiedPaths = Parameter(
        "AllowUnverifiedPaths", .switched, "Takes the path as it is, without opening the image.")

    /// What hard disk drives of the module have beyond an image.
    static func diskExtras(reservations: ParameterType) -> [Parameter] {
        [
            Parameter(
                "DiskNumber", .integer(0...Int64(UInt32.max)), "Number of a host's disk.", aliases: ["Number"], pipeline: .byPropertyName,
                effect: .refused("drives have images, not disks of the host")),
            .resourcePool(),
            Parameter(
                "SupportPersistentReservations", reservations, "Lets machines share the disk.", aliases: ["ShareVirtualDisk"],
                effect: .refused("a disk belongs to one machine at a time")),
            Parameter("MaximumIOPS", .integer(0...Int64.max), "Most operations a second.", effect: .noEffect("there is no storage QoS")),
            Parameter("MinimumIOPS", .integer(0...Int64.max), "Fewest operations a second.", effect: .noEffect("there is no storage QoS")),
            Parameter("QoSPolicyID", .string, "A storage QoS policy.", effect: .refused("there is no storage QoS")),
            Parameter("QoSPolicy", .any, "A storage QoS policy.", effect: .refused("there is no storage QoS")),
            Parameter(
                "OverrideCacheAttributes",
                .enumeration("CacheAttributes", ["Default", "WriteCacheEnabled", "WriteCacheAndFUAEnabled", "WriteCacheDisabled"]),
                "What the guest is told of the write cache.", effect: .noEffect("a flush of the guest is always a flush of the file")),
            Parameter(
                "AllowedParentPath", .path, "Parents of a differencing disk outside its folder that may be opened.", many: true,
                completion: .path, ours: true),
        ]
    }
}

extension Invocation {
    /// Refuses controllers that do not exist here.
    func checkControllerType(_ target: any LiveObject) throws {
        for name in ["ControllerType", "ToControllerType"] where string(name) == "IDE" {
            throw ErrorRecord(
                "\(cmdlet.name) -\(name) IDE: there are no IDE controllers.", "ControllerTypeInvalid", .invalidArgument,
                target: target.displayName, action: "Use SCSI, from which every machine here has its drives.", cmdlet: cmdlet.name)
        }
    }

    func number(_ name: String) -> Int? { integer(name).map { Int($0) } }

    /// The drives of a target that the arguments name: a drive itself, or those of a machine or controller.
    func drives(
        _ kind: VirtualMachineConfiguration.Drive.Kind, of target: any LiveObject
    ) throws -> [VirtualMachineConfiguration.PlacedDrive] {
        let configuration = try target.virtualMachine().configuration()
        return configuration.drives.filter { placed in
            guard placed.drive.kind == kind else { return false }
            if let drive = target as? DriveObject {
                return placed.controller == drive.controller && placed.drive.location == drive.location
            }
            if let controller = target as? ScsiControllerObject, placed.controller != controller.id { return false }
            return (number("ControllerNumber") ?? placed.number) == placed.number
                && (number("ControllerLocation") ?? placed.drive.location) == placed.drive.location
        }
    }

    /// The one drive that the arguments name. Errors: `DriveNotFound`, `DriveAmbiguous`.
    func drive(
        _ kind: VirtualMachineConfiguration.Drive.Kind, of target: any LiveObject
    ) throws -> VirtualMachineConfiguration.PlacedDrive {
        try checkControllerType(target)
        let found = try drives(kind, of: target)
        if found.count == 1, let only = found.first { return only }
        let name = try target.virtualMachine().name
        let what = kind == .hardDisk ? "hard disk drive" : "DVD drive"
        guard found.isEmpty else {
            let places = found.map { "\($0.number):\($0.drive.location)" }.joined(separator: ", ")
            throw ErrorRecord(
                "\(cmdlet.name): “\(name)” has \(found.count) \(what)s (controller:location \(places)).", "DriveAmbiguous",
                .invalidArgument,
                target: name, action: "Say which with -ControllerNumber and -ControllerLocation.", cmdlet: cmdlet.name)
        }
        throw ErrorRecord(
            "\(cmdlet.name): “\(name)” has no \(what)\(isGiven("ControllerLocation") ? " there" : "").", "DriveNotFound", .objectNotFound,
            target: name, action: "Get-VM\(kind == .hardDisk ? "HardDisk" : "Dvd")Drive \(name) lists those it has.", cmdlet: cmdlet.name)
    }

    /// Adds a drive to the target's machine where the arguments say, and gives its object.
    func addDrive(_ drive: VirtualMachineConfiguration.Drive, to target: any LiveObject) throws -> DriveObject {
        let machine = try target.virtualMachine()
        var place: (number: Int, location: Int)?
        let new = try machine.configure(verifyingImages: !isOn("AllowUnverifiedPaths")) { configuration in
            var controller = number("ControllerNumber")
            if let object = target as? ScsiControllerObject { controller = try object.number(in: configuration) }
            place = try configuration.add(drive, controller: controller, location: number("ControllerLocation"))
        }
        guard let place else { throw ErrorRecord("The drive was not added.", "DriveNotFound", .notSpecified, target: machine.name) }
        return DriveObject(machine, drive.kind, controller: new.controllers[place.number].id, location: place.location)
    }

    /// Changes the one drive that the arguments name: another image by `change`, another place by -ToController….
    func setDrive(
        _ kind: VirtualMachineConfiguration.Drive.Kind, of target: any LiveObject,
        _ change: (VirtualMachineConfiguration.Drive) throws -> VirtualMachineConfiguration.Drive
    ) throws -> DriveObject {
        let machine = try target.virtualMachine()
        let placed = try drive(kind, of: target)
        let isMoving = isGiven("ToControllerNumber") || isGiven("ToControllerLocation")
        var place = (number: placed.number, location: placed.drive.location)
        let new = try machine.configure(verifyingImages: !isOn("AllowUnverifiedPaths")) { configuration in
            var changed: VirtualMachineConfiguration.Drive?
            try configuration.changeDrive(kind, controller: placed.controller, location: placed.drive.location) { drive in
                changed = try change(drive)
                return isMoving ? nil : changed
            }
            guard isMoving, let changed else { return }
            place = try configuration.add(
                changed, controller: number("ToControllerNumber") ?? placed.number, location: number("ToControllerLocation"))
        }
        return DriveObject(machine, kind, controller: new.controllers[place.number].id, location: place.location)
    }

    /// Takes away the one drive that the arguments name.
    func removeDrive(_ kind: VirtualMachineConfiguration.Drive.Kind, of target: any LiveObject) throws -> DriveObject {
        let machine = try target.virtualMachine()
        let placed = try drive(kind, of: target)
        try machine.configure { configuration in
            try configuration.changeDrive(kind, controller: placed.controller, location: placed.drive.location) { _ in nil }
        }
        return DriveObject(machine, placed)
    }
}

extension Cmdlet.ParameterSet {
    /// The sets of Add- on drives.
    static let addDriveSets: [Cmdlet.ParameterSet] = ["VMName", "VMObject", "VMDriveController"].map {
        .init($0, isDefault: $0 == "VMName", shape: .passthru(["VMName", "VM", "VMDriveController"]))
    }
    /// The sets of Get- on drives.
    static let getDriveSets: [Cmdlet.ParameterSet] = [
        .init(
            "VMName", isDefault: true,
            shape: .oneIfSingleWith(["VMName", "VM"], given: ["ControllerNumber", "ControllerLocation"])),
        .init("VMObject", shape: .oneIfSingleWith(["VMName", "VM"], given: ["ControllerNumber", "ControllerLocation"])),
        .init("VMSnapshot", shape: .many),
        .init("VMDriveController", shape: .oneIfSingleWith(["VMDriveController"], given: ["ControllerLocation"])),
    ]
}

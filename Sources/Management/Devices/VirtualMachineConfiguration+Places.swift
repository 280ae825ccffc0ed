import Basics
import Persistence

/// Where drives go, in the words of the module: controller numbers and locations.
extension VirtualMachineConfiguration {
    /// Adds a drive at the given place, or at the first free one of the controller, or of all. Errors: `ControllerNotFound`,
    /// `ControllerLocationInUse`, `ControllerFull`. Returns where it is.
    @discardableResult
    public mutating func add(_ drive: Drive, controller number: Int?, location: Int?) throws -> (number: Int, location: Int) {
        let candidates = try number.map { try [checkedController($0)] } ?? Array(controllers.indices)
        for index in candidates {
            let taken = Set(controllers[index].drives.map(\.location))
            if let location {
                guard Self.locationRange.contains(location) else {
                    throw place(
                        "ControllerLocationOutOfRange",
                        "Location \(location) does not exist; a SCSI controller has the locations 0 to \(Self.locationRange.upperBound).")
                }
                if taken.contains(location) {
                    guard number == nil, index != candidates.last else {
                        throw place(
                            "ControllerLocationInUse",
                            "There is already a drive on SCSI controller \(index), location \(location) of “\(name)”.")
                    }
                    continue
                }
            }
            guard let free = location ?? Self.locationRange.first(where: { !taken.contains($0) }) else { continue }
            var placed = drive
            placed.location = free
            controllers[index].drives.append(placed)
            controllers[index].drives.sort { $0.location < $1.location }
            return (index, free)
        }
        throw place(
            "ControllerFull",
            candidates.isEmpty ? "“\(name)” has no SCSI controller." : "Every location of the SCSI controllers of “\(name)” is taken.",
            action: "Add a controller with Add-VMScsiController.")
    }

    /// The index of a controller that must be there.
    public func checkedController(_ number: Int) throws -> Int {
        guard controllers.indices.contains(number) else {
            throw place(
                "ControllerNotFound",
                "“\(name)” has no SCSI controller \(number)"
                    + (controllers.isEmpty ? "." : "; its controllers are 0 to \(controllers.count - 1)."),
                action: "Get-VMScsiController lists them; Add-VMScsiController adds one.")
        }
        return number
    }

    /// Replaces the drive of that kind at that place by what `change` makes of it; nil removes it. Throws `DriveNotFound`.
    public mutating func changeDrive(
        _ kind: Drive.Kind, controller: GUID, location: Int, _ change: (Drive) throws -> Drive?
    ) throws {
        guard let index = controllers.firstIndex(where: { $0.id == controller }),
            let position = controllers[index].drives.firstIndex(where: { $0.location == location && $0.kind == kind })
        else {
            throw place("DriveNotFound", "The drive is not there any more.", action: "Get-VMHardDiskDrive and Get-VMDvdDrive list what is.")
        }
        if let new = try change(controllers[index].drives[position]) {
            controllers[index].drives[position] = new
        } else {
            controllers[index].drives.remove(at: position)
        }
    }

    private func place(_ identifier: String, _ message: String, action: String? = nil) -> ManagementError {
        ManagementError(
            identifier, identifier.hasSuffix("NotFound") ? .objectNotFound : .invalidArgument, message, action: action, target: name)
    }
}

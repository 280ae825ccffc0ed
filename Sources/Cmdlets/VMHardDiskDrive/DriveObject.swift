import Basics
import Management
import Persistence
import Storage
import WorkerProtocol

/// A hard disk or DVD drive of a virtual machine, known by its controller and location.
final class DriveObject: MachinePart {
    let machine: VirtualMachine
    let kind: VirtualMachineConfiguration.Drive.Kind
    let controller: GUID
    let location: Int

    init(_ machine: VirtualMachine, _ kind: VirtualMachineConfiguration.Drive.Kind, controller: GUID, location: Int) {
        (self.machine, self.kind, self.controller, self.location) = (machine, kind, controller, location)
    }

    convenience init(_ machine: VirtualMachine, _ placed: VirtualMachineConfiguration.PlacedDrive) {
        self.init(machine, placed.drive.kind, controller: placed.controller, location: placed.drive.location)
    }

    var type: ObjectType { kind == .hardDisk ? .hardDiskDrive : .dvdDrive }
    var identity: String { "\(machine.id)\\\(controller)\\\(location)\\\(kind.rawValue)" }
    var displayName: String { "\(kind == .hardDisk ? "Hard Drive" : "DVD Drive") at \(location) of \(machine.name)" }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let placed = view.configuration.drives.first(where: { $0.controller == controller && $0.drive.location == location }),
            placed.drive.kind == kind
        else { return nil }
        let drive = placed.drive
        let counters = view.guest?.disks.first { $0.controller == controller && $0.location == location }
        return [
            ("Path", drive.path.map { .string($0) } ?? .null), ("ControllerType", .string("SCSI")),
            ("ControllerNumber", .count(placed.number)),
            ("ControllerLocation", .count(location)), ("Name", .string(kind == .hardDisk ? "Hard Drive" : "DVD Drive")),
            ("Id", .string("Microsoft:\(controller)\\0\\\(location)")), ("PoolName", .string(machine.host.poolName(drive.pool))),
            ("Format", .string(drive.format ?? "")),
            ("AllowedParentPaths", .list((drive.allowedParents ?? []).map { .string($0) })),
            ("DvdMediaType", .string(drive.path == nil ? "None" : "ISO")), ("SupportPersistentReservations", .boolean(false)),
            ("ReadOperations", .count(counters?.readOperations ?? 0)), ("ReadBytes", .count(counters?.readBytes ?? 0)),
            ("WriteOperations", .count(counters?.writeOperations ?? 0)), ("WrittenBytes", .count(counters?.writtenBytes ?? 0)),
            ("Flushes", .count(counters?.flushes ?? 0)),
        ]
    }
}

extension ObjectType {
    private static let place: [Property] = [
        .init("ControllerType", "ControllerType", "SCSI."),
        .init("ControllerNumber", "Int32", "Number of its controller, from 0."),
        .init("ControllerLocation", "Int32", "Its place on the controller, 0 to 63."),
    ]
    private static let end: [Property] = [
        .init("Path", "String", "Its image."),
        .init("Format", "String", "The image's format, fixed when it was attached: VHDX, VHD, RAW or ISO."),
        .init("Name", "String", "What it is."),
        .init("PoolName", "String", "Its resource pool."),
        .init("Id", "String", "Identifier of this part."),
        .init("ReadOperations", "UInt64", "Reads by the guest since the worker began."),
        .init("ReadBytes", "UInt64", "Bytes read."),
        .init("WriteOperations", "UInt64", "Writes by the guest since the worker began."),
        .init("WrittenBytes", "UInt64", "Bytes written."),
        .init("Flushes", "UInt64", "How often the guest asked for stable storage."),
    ]

    static let hardDiskDrive = ObjectType(
        name: "HardDiskDrive",
        properties: place + [
            .init("DiskNumber", "Int32", "Number of a host's disk; nil, for drives have images."),
            .init("SupportPersistentReservations", "Boolean", "Whether machines may share it: no."),
            .init("AllowedParentPaths", "String[]", "Parents outside the image's folder that may be opened."),
        ] + end + ComponentObject.common)

    static let dvdDrive = ObjectType(
        name: "DvdDrive",
        properties: place + [.init("DvdMediaType", "DvdMediaType", "None, or ISO.")] + end + ComponentObject.common)
}

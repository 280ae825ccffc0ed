import Basics
import Management
import Persistence

/// A SCSI controller of a virtual machine.
final class ScsiControllerObject: MachinePart {
    let machine: VirtualMachine
    let id: GUID

    init(_ machine: VirtualMachine, _ id: GUID) { (self.machine, self.id) = (machine, id) }

    var type: ObjectType { .vmScsiController }
    var identity: String { "\(machine.id)\\\(id)" }
    var displayName: String { "SCSI Controller of \(machine.name)" }

    func fields(_ view: MachineView) -> [(name: String, value: Value)]? {
        guard let number = view.configuration.controllers.firstIndex(where: { $0.id == id }) else { return nil }
        let drives = view.configuration.drives.filter { $0.controller == id }
        return [
            ("ControllerNumber", .count(number)), ("Drives", .list(drives.map { .object(DriveObject(machine, $0)) })),
            ("Name", .string("SCSI Controller")), ("Id", .string("Microsoft:\(id)")),
        ]
    }

    /// Its number now. Throws `ControllerNotFound`.
    func number(in configuration: VirtualMachineConfiguration) throws -> Int {
        guard let number = configuration.controllers.firstIndex(where: { $0.id == id }) else {
            throw ErrorRecord(
                "The SCSI controller of “\(machine.name)” is not there any more.", "ControllerNotFound", .objectNotFound,
                target: machine.name,
                action: "Get-VMScsiController lists those it has.")
        }
        return number
    }
}

extension ObjectType {
    static let vmScsiController = ObjectType(
        name: "VMScsiController",
        properties: [
            .init("ControllerNumber", "Int32", "Its number, from 0."), .init("Drives", "Drive[]", "The drives on it."),
            .init("Name", "String", "SCSI Controller."), .init("Id", "String", "Identifier of this part."),
        ] + ComponentObject.common)
}

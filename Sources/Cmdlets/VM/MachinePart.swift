import Basics
import Management
import Persistence
import WorkerProtocol

/// A device or service of a virtual machine as a live handle: found anew in the configuration at each read. Parts of one machine that are
/// read together cost one look at its configuration and one question to its worker.
protocol MachinePart: LiveObject {
    var machine: VirtualMachine { get }
    /// Its fields without those that every part has; nil: it has been removed.
    func fields(_ view: MachineView) -> [(name: String, value: Value)]?
}

/// A machine at one moment, as its parts see it.
struct MachineView {
    let machine: VirtualMachine
    let configuration: VirtualMachineConfiguration
    /// nil when it is off or its worker does not answer.
    let guest: GuestInformation?

    init(_ machine: VirtualMachine) throws {
        self.machine = machine
        configuration = try machine.configuration()
        guest = try? machine.guestInformation()
    }
}

extension MachinePart {
    func snapshot() throws -> Record { record(try MachineView(machine)) }

    func snapshots(of objects: [any LiveObject]) -> [Result<Record, any Error>] {
        var views: [VirtualMachine: Result<MachineView, any Error>] = [:]
        return objects.map { object in
            guard let part = object as? any MachinePart else { return Result { try object.snapshot() } }
            let view = views[part.machine] ?? Result { try MachineView(part.machine) }
            views[part.machine] = view
            return view.map { part.record($0) }
        }
    }

    fileprivate func record(_ view: MachineView) -> Record {
        let own = fields(view)
        var known: [String: Value] = [:]
        for field in (own ?? []) + ComponentObject.commonFields(machine) { known[field.name] = field.value }
        known["IsDeleted"] = .boolean(own == nil)
        return Record(typeName: type.name, type.properties.map { ($0.name, known[$0.name] ?? .null) })
    }
}

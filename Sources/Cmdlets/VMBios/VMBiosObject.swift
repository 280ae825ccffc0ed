import Management
import Persistence

extension ObjectType {
    static let vmBios = ObjectType(
        name: "VMBios",
        properties: [
            .init("NumLockEnabled", "Boolean", "Whether Num Lock is on when it starts."),
            .init("StartupOrder", "BootDevice[]", "Devices to boot from, first to last."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// The BIOS settings of a virtual machine of generation 1.
    static func bios(_ machine: VirtualMachine) -> ComponentObject {
        ComponentObject(
            .vmBios, identity: machine.id.description, displayName: "BIOS of \(machine.name)", machine: machine,
            read: {
                let bios = try machine.configuration().bios ?? VirtualMachineConfiguration.BIOS()
                return Record(
                    [
                        ("NumLockEnabled", .boolean(bios.numLockEnabled)),
                        ("StartupOrder", .list(bios.startupOrder.map { .string($0) })),
                    ] + commonFields(machine))
            })
    }
}

extension Invocation {
    /// The machine of a target, which must be of generation 1. Throws `GenerationInvalid`.
    func firstGeneration(_ target: any LiveObject, _ what: String, instead: String) throws -> VirtualMachine {
        let machine = try target.virtualMachine()
        guard try machine.configuration().generation == 1 else {
            throw ErrorRecord(
                "\(cmdlet.name): “\(machine.name)” is of generation 2, which has no \(what).", "GenerationInvalid", .invalidOperation,
                target: machine.name, action: instead.replacing("NAME", with: machine.name), cmdlet: cmdlet.name)
        }
        return machine
    }
}

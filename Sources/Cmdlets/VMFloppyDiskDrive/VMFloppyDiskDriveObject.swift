import Management

extension ObjectType {
    static let vmFloppyDiskDrive = ObjectType(
        name: "VMFloppyDiskDrive",
        properties: [
            .init("Path", "String", "The image in it; nil: none."), .init("Name", "String", "Floppy Drive."),
            .init("PoolName", "String", "Its resource pool."), .init("Id", "String", "Identifier of this part."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// The floppy disk drive that a virtual machine of generation 1 has.
    static func floppyDrive(_ machine: VirtualMachine) -> ComponentObject {
        ComponentObject(
            .vmFloppyDiskDrive, identity: machine.id.description, displayName: "Floppy Drive of \(machine.name)", machine: machine,
            read: {
                let configuration = try machine.configuration()
                let path = configuration.bios?.floppyPath
                return Record(
                    [
                        ("Path", path.map { .string($0) } ?? .null), ("Name", .string("Floppy Drive")),
                        ("PoolName", .string(machine.host.poolName(configuration.pools(.floppy).first ?? nil))),
                        ("Id", .string("\(machine.id)\\Floppy")),
                    ] + commonFields(machine))
            })
    }
}

extension Cmdlet {
    /// `Get-VMFloppyDiskDrive`.
    static let getVMFloppyDiskDrive = Cmdlet(
        "Get", "VMFloppyDiskDrive", synopsis: "Gets the floppy disk drives of virtual machines; those of generation 2 have none.",
        sets: [
            .init("VMName", isDefault: true, shape: .many), .init("VMObject", shape: .many), .init("VMSnapshot", shape: .many),
        ],
        parameters: Parameter.partTargets + [.vmSnapshot], output: "VMFloppyDiskDrive",
        examples: [Example("Get-VMFloppyDiskDrive old01", "The drive of old01 and the image in it.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard try machine.configuration().generation == 1 else { return }
            try invocation.emit(.object(ComponentObject.floppyDrive(machine)))
        })
}

import Management

extension ObjectType {
    static let vmFirmware = ObjectType(
        name: "VMFirmware",
        properties: [
            .init("KernelPath", "String", "Linux kernel or multiboot image that it boots."),
            .init("InitialRamdiskPath", "String", "Initial ramdisk for the kernel."),
            .init("KernelArguments", "String", "The kernel's command line."),
            .init("SecureBoot", "OnOffState", "Off: direct boot checks no signature."),
            .init("BootOrder", "VMBootSource[]", "Boot devices in order; none yet."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// The firmware settings of a virtual machine.
    static func firmware(_ machine: VirtualMachine) -> ComponentObject {
        ComponentObject(
            .vmFirmware, identity: machine.id.description, displayName: "Firmware of \(machine.name)", machine: machine,
            read: {
                let settings = try machine.configuration().firmware
                func text(_ value: String?) -> Value { value.map { .string($0) } ?? .null }
                return Record(
                    [
                        ("KernelPath", text(settings.kernelPath)), ("InitialRamdiskPath", text(settings.initialRamdiskPath)),
                        ("KernelArguments", text(settings.kernelArguments)), ("SecureBoot", .string("Off")), ("BootOrder", .list([])),
                    ] + commonFields(machine))
            })
    }
}

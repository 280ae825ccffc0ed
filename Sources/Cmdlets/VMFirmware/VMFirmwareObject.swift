import Management

extension ObjectType {
    static let vmFirmware = ObjectType(
        name: "VMFirmware",
        properties: [
            .init("KernelPath", "String", "Linux kernel or multiboot image that it boots."),
            .init("InitialRamdiskPath", "String", "Initial ramdisk for the kernel."),
            .init("KernelArguments", "String", "The kernel's command line."),
            .init("SecureBoot", "OnOffState", "Off: direct boot checks no signature."),
            .init("SecureBootTemplate", "String", "Empty: there are no signatures to check."),
            .init("SecureBootTemplateId", "Guid", "Nil: there are no signatures to check."),
            .init("PreferredNetworkBootProtocol", "IPProtocolPreference", "IPv4: nothing boots from the network yet."),
            .init("ConsoleMode", "ConsoleModeType", "Default: there is no firmware that writes."),
            .init("PauseAfterBootFailure", "OnOffState", "Off: a kernel that cannot be booted is an error of Start-VM."),
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
                        ("KernelArguments", text(settings.kernelArguments)), ("SecureBoot", .string("Off")),
                        ("SecureBootTemplate", .string("")), ("PreferredNetworkBootProtocol", .string("IPv4")),
                        ("ConsoleMode", .string("Default")), ("PauseAfterBootFailure", .string("Off")), ("BootOrder", .list([])),
                    ] + commonFields(machine))
            })
    }
}

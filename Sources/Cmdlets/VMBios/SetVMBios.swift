import Persistence

extension Cmdlet {
    private static let noBios = Parameter.Effect.noEffect("it is stored, but there is no BIOS firmware yet")

    /// `Set-VMBios`.
    static let setVMBios = Cmdlet(
        "Set", "VMBios", synopsis: "Changes the BIOS settings of virtual machines of generation 1.",
        departures: ["There is no BIOS firmware yet: the settings are stored and shown. Set-VMFirmware -KernelPath boots a kernel."],
        sets: ["VMName", "VMObject", "VMBios"].map {
            .init($0, isDefault: $0 == "VMName", shape: .passthru(["VMName", "VM", "VMBios"]))
        },
        parameters: Parameter.partTargets + [
            Parameter(
                "VMBios", .object("VMBios"), "BIOS settings, as Get-VMBios gives them.", sets: ["VMBios"], mandatory: true, position: 0,
                pipeline: .byValue, many: true),
            Parameter("DisableNumLock", .switched, "Num Lock is off when it starts.", effect: noBios),
            Parameter("EnableNumLock", .switched, "Num Lock is on when it starts.", effect: noBios),
            Parameter(
                "StartupOrder", .enumeration("BootDevice", ["Floppy", "CD", "IDE", "LegacyNetworkAdapter", "NetworkAdapter", "VHD"]),
                "Devices to boot from, first to last.", many: true, effect: noBios),
            .passthru,
        ],
        output: "VMBios", examples: [Example("Set-VMBios old01 -StartupOrder IDE, CD, LegacyNetworkAdapter, Floppy", "The disk first.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMBios"]) { invocation, target in
            let machine = try invocation.firstGeneration(target, "BIOS", instead: "Set-VMFirmware NAME changes its firmware settings.")
            guard !(invocation.isOn("EnableNumLock") && invocation.isOn("DisableNumLock")) else {
                throw ErrorRecord(
                    "Set-VMBios: -EnableNumLock and -DisableNumLock do not go together.", "AmbiguousParameterSet", .invalidArgument,
                    target: machine.name, cmdlet: "Set-VMBios")
            }
            try machine.configure { configuration in
                var bios = configuration.bios ?? VirtualMachineConfiguration.BIOS()
                if invocation.isOn("EnableNumLock") { bios.numLockEnabled = true }
                if invocation.isOn("DisableNumLock") { bios.numLockEnabled = false }
                if let order = invocation.list("StartupOrder")?.map(\.text) { bios.startupOrder = order }
                if bios != VirtualMachineConfiguration.BIOS() || configuration.bios != nil { configuration.bios = bios }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.bios(machine))) }
        })
}

import Basics
import Glibc

extension Cmdlet {
    private static let noDevices = Parameter.Effect.refused("there are no boot devices yet; -KernelPath boots a kernel directly")
    private static let noFirmware = Parameter.Effect.refused("there is no UEFI firmware yet")

    /// `Set-VMFirmware`.
    static let setVMFirmware = Cmdlet(
        "Set", "VMFirmware", synopsis: "Changes what virtual machines boot.",
        departures: ["Direct Linux boot (-KernelPath, -InitialRamdiskPath, -KernelArguments) is ours; an empty string removes a setting."],
        sets: [
            .init("VMName", isDefault: true, shape: .passthru(["VMName", "VM", "VMFirmware"])),
            .init("VMObject", shape: .passthru(["VMName", "VM", "VMFirmware"])),
            .init("VMFirmware", shape: .passthru(["VMName", "VM", "VMFirmware"])),
        ],
        parameters: Parameter.partTargets + [
            Parameter(
                "VMFirmware", .object("VMFirmware"), "Firmware settings, as Get-VMFirmware gives them.", sets: ["VMFirmware"],
                mandatory: true,
                position: 0, pipeline: .byValue, many: true),
            Parameter("BootOrder", .any, "Boot devices in order.", many: true, effect: noDevices),
            Parameter("FirstBootDevice", .any, "The device to boot from first.", effect: noDevices),
            Parameter(
                "EnableSecureBoot", .enumeration("OnOffState", ["On", "Off"]),
                "Whether signatures are checked; On is an error until there is UEFI firmware."),
            Parameter("SecureBootTemplate", .string, "Whose signatures count.", effect: noFirmware),
            Parameter("SecureBootTemplateId", .guid, "Whose signatures count.", effect: noFirmware),
            Parameter(
                "PreferredNetworkBootProtocol", .enumeration("IPProtocolPreference", ["IPv4", "IPv6"]), "How to boot from the network.",
                effect: noFirmware),
            Parameter(
                "ConsoleMode", .enumeration("ConsoleModeType", ["Default", "COM1", "COM2", "None"]), "Where the firmware writes.",
                effect: noFirmware),
            Parameter("PauseAfterBootFailure", .enumeration("OnOffState", ["On", "Off"]), "What a failed boot does.", effect: noFirmware),
            .passthru,
            Parameter("KernelPath", .path, "Linux kernel or multiboot image to boot.", completion: .path, ours: true, allowsEmpty: true),
            Parameter("InitialRamdiskPath", .path, "Initial ramdisk for the kernel.", completion: .path, ours: true, allowsEmpty: true),
            Parameter("KernelArguments", .string, "The kernel's command line.", ours: true, allowsEmpty: true),
        ],
        output: "VMFirmware",
        examples: [
            Example(
                "Set-VMFirmware web01 -KernelPath /boot/vmlinuz -KernelArguments 'console=ttyS0 quiet'",
                "Another kernel from its next start on.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMFirmware"]) { invocation, target in
            let machine = try target.virtualMachine()
            guard invocation.string("EnableSecureBoot") != "On" else {
                throw ErrorRecord(
                    "Set-VMFirmware -EnableSecureBoot On: there is no UEFI firmware yet that could check signatures.", "ServiceMissing",
                    .notImplemented, target: target.displayName, cmdlet: "Set-VMFirmware")
            }
            let settings = ["KernelPath", "InitialRamdiskPath", "KernelArguments"]
            if settings.contains(where: invocation.isGiven) {
                try machine.configure { configuration in
                    if let path = invocation.string("KernelPath") { configuration.firmware.kernelPath = absolute(path) }
                    if let path = invocation.string("InitialRamdiskPath") { configuration.firmware.initialRamdiskPath = absolute(path) }
                    if let arguments = invocation.string("KernelArguments") {
                        configuration.firmware.kernelArguments = arguments.isEmpty ? nil : arguments
                    }
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.firmware(machine))) }
        })

    /// A path that holds when the shell is elsewhere; nil for an empty one.
    private static func absolute(_ path: String) -> String? {
        guard !path.isEmpty else { return nil }
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}

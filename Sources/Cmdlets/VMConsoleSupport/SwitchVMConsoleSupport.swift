import Management

extension Cmdlet {
    /// `Enable-VMConsoleSupport`.
    static let enableVMConsoleSupport = consoleSupport(
        "Enable", "Gives virtual machines that are off a keyboard again.", isOn: true,
        example: Example("Enable-VMConsoleSupport web01", "web01 has a keyboard from its next start on."))

    /// `Disable-VMConsoleSupport`.
    static let disableVMConsoleSupport = consoleSupport(
        "Disable", "Takes the keyboard from virtual machines that are off; their serial ports stay.", isOn: false,
        example: Example("Disable-VMConsoleSupport web01", "web01 has no keyboard from its next start on."))

    private static func consoleSupport(_ verb: String, _ synopsis: String, isOn: Bool, example: Example) -> Cmdlet {
        Cmdlet(
            verb, "VMConsoleSupport", synopsis: synopsis,
            departures: ["There is no video device and no mouse; the keyboard is all that is given or taken."],
            sets: ["VMName", "VMObject"].map { .init($0, isDefault: $0 == "VMName", shape: .passthru(["VMName", "VM"])) },
            parameters: Parameter.partTargets + [.passthru], output: "VirtualMachine", examples: [example], shouldProcess: true,
            body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
                try target.virtualMachine().configure { $0.consoleSupport = isOn ? nil : false }
                try invocation.passthru(target)
            })
    }
}

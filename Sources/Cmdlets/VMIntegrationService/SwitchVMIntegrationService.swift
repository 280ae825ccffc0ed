extension Cmdlet {
    /// `Enable-VMIntegrationService`.
    static let enableVMIntegrationService = switching(
        "Enable", "Turns integration services of virtual machines on; a running guest is offered them at once.", isEnabled: true,
        example: Example("Enable-VMIntegrationService 'Guest Service Interface' web01", "Lets Copy-VMFile copy files into web01."))

    /// `Disable-VMIntegrationService`.
    static let disableVMIntegrationService = switching(
        "Disable", "Turns integration services of virtual machines off; they are taken from a running guest at once.", isEnabled: false,
        example: Example("Disable-VMIntegrationService 'Time Synchronization' web01", "Leaves web01's clock alone."))

    private static func switching(_ verb: String, _ synopsis: String, isEnabled: Bool, example: Example) -> Cmdlet {
        Cmdlet(
            verb, "VMIntegrationService", synopsis: synopsis,
            sets: ["VMName", "VMIntegrationService", "VMObject"].map {
                .init(
                    $0, isDefault: $0 == "VMName",
                    shape: .computed("a list with -Passthru") { $0.isOn("Passthru") ? .many : .nothing })
            },
            parameters: [
                Parameter(
                    "Name", .string, "Names of services; wildcards are accepted.", sets: ["VMName", "VMObject"], mandatory: true,
                    position: 0, many: true, wildcards: true, completion: .values(serviceNames)),
                Parameter(
                    "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: ["VMName"],
                    mandatory: true, position: 1, pipeline: .byValue, many: true, wildcards: true, completion: .vmName),
                Parameter(
                    "VM", .object("VirtualMachine"), "Virtual machine objects.", sets: ["VMObject"], mandatory: true, position: 1,
                    pipeline: .byValue, many: true, completion: .vmName),
                Parameter(
                    "VMIntegrationService", .object("VMIntegrationComponent"), "Services, as Get-VMIntegrationService gives them.",
                    sets: ["VMIntegrationService"], mandatory: true, position: 0, pipeline: .byValue, many: true),
                .passthru,
            ] + Parameter.remote(sets: ["VMName"]),
            output: "VMIntegrationComponent", examples: [example], shouldProcess: true,
            body: .perTarget(parameters: ["VMName", "VM", "VMIntegrationService"]) { invocation, target in
                try invocation.setServices(of: target, isEnabled: isEnabled)
            })
    }
}

extension Cmdlet {
    /// `Get-VMIntegrationService`.
    static let getVMIntegrationService = Cmdlet(
        "Get", "VMIntegrationService", synopsis: "Gets the integration services of virtual machines.",
        sets: [
            .init("VMName", isDefault: true, shape: .oneIfSingleWith(["VMName", "VM", "Name"], given: ["Name"])),
            .init("VMObject", shape: .oneIfSingleWith(["VMName", "VM", "Name"], given: ["Name"])), .init("VMSnapshot", shape: .many),
        ],
        parameters: Parameter.partTargets + [
            Parameter(
                "Name", .string, "Names of services; wildcards are accepted.", position: 1, many: true, wildcards: true,
                completion: .values(serviceNames)),
            .vmSnapshot,
        ],
        output: "VMIntegrationComponent",
        examples: [
            Example("Get-VMIntegrationService web01", "All services of web01 and how they do."),
            Example("(Get-VMIntegrationService web01 Heartbeat).PrimaryStatusDescription", "How one does."),
        ],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            let machine = try target.virtualMachine()
            for service in try invocation.integrationServices() {
                try invocation.emit(.object(IntegrationServiceObject(machine, service)))
            }
        })

    static var serviceNames: [String] {
        [
            "'Guest Service Interface'", "Heartbeat", "'Key-Value Pair Exchange'", "Shutdown", "'Time Synchronization'", "VSS",
        ]
    }
}

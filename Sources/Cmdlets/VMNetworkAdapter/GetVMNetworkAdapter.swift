import Basics
import Management

extension Cmdlet {
    /// `Get-VMNetworkAdapter`.
    static let getVMNetworkAdapter = Cmdlet(
        "Get", "VMNetworkAdapter", synopsis: "Gets the network adapters of virtual machines, or of this host on its switches.",
        sets: ["VMName", "VMObject", "ManagementOS", "All", "VMSnapshot"].map { .init($0, isDefault: $0 == "VMName", shape: .many) },
        parameters: [
            .partVMName(), .vm(), .managementOS, .vmSnapshot,
            Parameter("IsLegacy", .boolean, "Only emulated adapters, or only synthetic ones.", sets: ["VMName", "VMObject"]),
            Parameter(
                "Name", .string, "Name of the adapter; wildcards are accepted.", aliases: ["VMNetworkAdapterName"], position: 1,
                wildcards: true),
            Parameter("SwitchName", .string, "Only adapters on this switch.", sets: ["ManagementOS"]),
            Parameter("All", .switched, "The adapters of all machines.", sets: ["All"], mandatory: true),
        ] + Parameter.remote(sets: ["VMName", "ManagementOS", "All"]),
        output: "VMNetworkAdapter",
        examples: [
            Example("Get-VMNetworkAdapter web01", "The adapters of web01."),
            Example("(Get-VMNetworkAdapter web01)[1].IPAddresses", "The addresses that the guest reports for the first."),
            Example("Get-VMNetworkAdapter -ManagementOS", "The adapters of this host; HostInterface is their name in its kernel."),
            Example("Get-VMNetworkAdapter -All | Where-Object SwitchName -eq inside", "Everything on the switch inside."),
        ],
        body: .perCall { invocation in
            guard invocation.argument("IsLegacy")?.booleanValue != true else { return }
            let host = invocation.context.host
            func emit(_ target: any LiveObject) throws {
                let (machine, adapters) = try invocation.adapters(of: target)
                for adapter in adapters { try invocation.emit(.object(NetworkAdapterObject(machine, adapter))) }
            }
            if invocation.isOn("ManagementOS") {
                for adapter in try HostAdapterObject.chosen(invocation.arguments, invocation.cmdlet, host) {
                    try invocation.emit(.object(adapter))
                }
                return
            }
            if invocation.isOn("All") {
                for machine in try host.machines() {
                    let pattern = invocation.string("Name").map { WildcardPattern($0) }
                    for adapter in try machine.configuration().adapters where pattern?.matches(adapter.name) ?? true {
                        try invocation.emit(.object(NetworkAdapterObject(machine, adapter)))
                    }
                }
                return
            }
            for value in try (invocation.list("VMName") ?? []) + (invocation.list("VM") ?? []) + invocation.pastMachines() {
                do {
                    let type: ParameterType = .name(of: "VirtualMachine")
                    for target in try ObjectResolver.resolve(value, of: type, invocation.cmdlet, invocation.context, warn: { _ in }) {
                        try emit(target)
                    }
                } catch {
                    try invocation.report(error)
                }
            }
        })
}

import Basics
import Management

extension Cmdlet {
    private static let sets = ["VMName", "ManagementOS", "ResourceObject", "VMObject"]

    /// -VMName, -VM, -VMNetworkAdapter, -ManagementOS and the adapter's name, as these cmdlets have them.
    private static func mappingParameters(_ name: Parameter) -> [Parameter] {
        [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Name of the virtual machine.", sets: ["VMName"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "A virtual machine object.", sets: ["VMObject"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            .vmNetworkAdapter(many: false), .managementOS, name,
            Parameter("SwitchName", .string, "Only adapters of the host on this switch.", sets: ["ManagementOS"]),
        ] + Parameter.remote(sets: ["VMName", "ManagementOS"])
    }

    private static let adapterSetName = Parameter(
        "Name", .string, "Name of the adapter; wildcards are accepted.", aliases: ["VMNetworkAdapterName"],
        sets: ["VMName", "ManagementOS", "VMObject"], wildcards: true)

    /// `Get-VMNetworkAdapterTeamMapping`.
    static let getVMNetworkAdapterTeamMapping = Cmdlet(
        "Get", "VMNetworkAdapterTeamMapping", synopsis: "Gets the adapters of teams that network adapters were given.",
        details: "Adapters that were given none are left out; their switch chooses.",
        sets: sets.map { .init($0, isDefault: $0 == "VMName", shape: .many) },
        parameters: mappingParameters(adapterSetName) + [.passthru], output: "VMNetworkAdapterTeamMappingSetting",
        examples: [Example("Get-VMNetworkAdapterTeamMapping web01", "By which bridges web01's frames leave.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            try invocation.emitMappings(of: target)
        })

    /// `Set-VMNetworkAdapterTeamMapping`.
    static let setVMNetworkAdapterTeamMapping = Cmdlet(
        "Set", "VMNetworkAdapterTeamMapping",
        synopsis: "Gives network adapters the adapter of their switch's team that their frames leave by.",
        details: "While that one has no link, the switch chooses another.",
        sets: ParameterSet.adapterSets(["VMName", "ManagementOS", "ResourceObject", "VMObject"]),
        parameters: mappingParameters(
            Parameter(
                "VMNetworkAdapterName", .string, "Name of the adapter; wildcards are accepted.",
                sets: ["VMName", "ManagementOS", "VMObject"],
                wildcards: true)) + [
                Parameter("PhysicalNetAdapterName", .string, "A bridge or TAP device of the team.", mandatory: true), .passthru,
            ],
        output: "VMNetworkAdapterTeamMappingSetting",
        examples: [Example("Set-VMNetworkAdapterTeamMapping web01 -PhysicalNetAdapterName br1", "web01's frames leave by br1.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            let member = invocation.string("PhysicalNetAdapterName") ?? ""
            try invocation.changeMapping(of: target, to: member)
            if invocation.isOn("Passthru") { try invocation.emitMappings(of: target) }
        })

    /// `Remove-VMNetworkAdapterTeamMapping`.
    static let removeVMNetworkAdapterTeamMapping = Cmdlet(
        "Remove", "VMNetworkAdapterTeamMapping", synopsis: "Lets switches choose again by which adapter of their team frames leave.",
        sets: ParameterSet.adapterSets(["VMName", "ManagementOS", "ResourceObject", "VMObject"]),
        parameters: mappingParameters(adapterSetName) + [.passthru], output: "VMNetworkAdapterTeamMappingSetting",
        examples: [Example("Remove-VMNetworkAdapterTeamMapping web01", "The switch chooses.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            if invocation.isOn("Passthru") { try invocation.emitMappings(of: target) }
            try invocation.changeMapping(of: target, to: nil)
        })
}

extension Invocation {
    /// Gives the target's adapters, or the host's one, a member of its switch's team; nil: none.
    fileprivate func changeMapping(of target: any LiveObject, to member: String?) throws {
        if let host = target as? HostAdapterObject {
            try check(member, of: host.adapter.virtualSwitch)
            return try host.adapter.configure { $0.teamMember = member }
        }
        let (machine, chosen) = try adapters(of: target)
        for adapter in chosen where member != nil {
            guard let id = adapter.switchId else {
                throw ErrorRecord(
                    "The adapter “\(adapter.name)” of “\(machine.name)” is on no switch.", "TeamMissing", .invalidOperation,
                    target: adapter.name, action: "Connect it first: Connect-VMNetworkAdapter", cmdlet: cmdlet.name)
            }
            try check(member, of: try machine.host.virtualSwitch(id: id))
        }
        try machine.configure { configuration in
            for index in configuration.adapters.indices where chosen.contains(where: { $0.id == configuration.adapters[index].id }) {
                configuration.adapters[index].teamMember = member
            }
        }
    }

    private func check(_ member: String?, of found: VirtualSwitch) throws {
        guard let member else { return }
        let names = try found.configuration().netAdapterNames ?? []
        guard !names.contains(member) else { return }
        throw ErrorRecord(
            "\(cmdlet.name) -PhysicalNetAdapterName “\(member)” is not in the team of “\(found.name)”.\(Spelling.hint(member, among: names))",
            "TeamInvalid", .objectNotFound, target: member,
            action: names.isEmpty
                ? "The switch has no team; New-VMSwitch -EnableEmbeddedTeaming makes one." : "It has \(Spelling.list(names, "and")).",
            cmdlet: cmdlet.name)
    }

    fileprivate func emitMappings(of target: any LiveObject) throws {
        if let host = target as? HostAdapterObject {
            guard let member = try host.adapter.settings()?.teamMember else { return }
            return try emit(mapping(member, host, name: host.displayName))
        }
        let (machine, chosen) = try adapters(of: target)
        for adapter in chosen {
            guard let member = adapter.teamMember else { continue }
            try emit(mapping(member, NetworkAdapterObject(machine, adapter), name: adapter.name))
        }
    }

    private func mapping(_ member: String, _ parent: any LiveObject, name: String) -> Value {
        .record(
            Record(
                typeName: "VMNetworkAdapterTeamMappingSetting",
                [
                    ("NetAdapterName", .string(member)), ("NetAdapterDeviceId", .string(member)), ("DisableOnFailover", .string("None")),
                    ("VMNetworkAdapterName", .string(name)), ("ParentAdapter", .object(parent)), ("IsTemplate", .boolean(false)),
                    ("ComputerName", .string(LocalHost.name)),
                ]))
    }
}

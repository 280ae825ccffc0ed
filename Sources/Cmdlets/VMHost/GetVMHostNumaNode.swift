import Management

extension ObjectType {
    static let vmHostNumaNode = ObjectType(
        name: "VMHostNumaNode",
        properties: [
            .init("NodeId", "Int32", "Its number."),
            .init("ProcessorsAvailability", "Int32[]", "Percent of each of its processors that was idle lately."),
            .init("MemoryAvailable", "Int32", "Megabytes of its memory that can be had."),
            .init("MemoryTotal", "Int32", "Megabytes of its memory."),
            .init("ComputerName", "String", "The host it is on."),
        ])

    static let vmNumaNodeStatus = ObjectType(
        name: "VMNumaNodeStatus",
        properties: [
            .init("NodeId", "Int32", "Number of the node."),
            .init("VMName", "String", "The virtual machine."), .init("VMId", "Guid", "Its identifier."),
            .init("MemoryUsed", "Int32", "Megabytes that it has on this node."),
            .init("ComputerName", "String", "The host it is on."),
        ])
}

extension NumaNode {
    /// As scripts see it.
    var value: Value {
        .record(
            Record(
                typeName: "VMHostNumaNode",
                [
                    ("NodeId", .count(id)), ("ProcessorsAvailability", .list(processorsAvailability.map { .count($0) })),
                    ("MemoryAvailable", .count(memoryAvailable >> 20)), ("MemoryTotal", .count(memoryTotal >> 20)),
                    ("ComputerName", .string(LocalHost.name)),
                ]))
    }
}

extension Parameter {
    /// -ComputerName, -Credential, -CimSession and -Id of the cmdlets on the host's nodes.
    fileprivate static var nodeParameters: [Parameter] {
        hostParameters + [Parameter("Id", .integer(0...Int64(Int32.max)), "Only the node of that number.")]
    }

    /// -ComputerName, -Credential and -CimSession of the cmdlets on this host.
    static var hostParameters: [Parameter] {
        [
            Parameter("ComputerName", .computer, "localhost, . or this host's own name.", sets: ["ComputerName"], position: 0, many: true),
            Parameter(
                "Credential", .any, "Who to be on another host.", sets: ["ComputerName"], position: 1, many: true,
                effect: .refused("remote hosts are not there yet")),
            .cimSession(sets: ["CimSession"], mandatory: true, position: 0, pipeline: .byPropertyName),
        ]
    }
}

extension Cmdlet {
    private static let nodeSets: [ParameterSet] = ["ComputerName", "CimSession"].map {
        .init($0, isDefault: $0 == "ComputerName", shape: .many)
    }

    /// `Get-VMHostNumaNode`.
    static let getVMHostNumaNode = Cmdlet(
        "Get", "VMHostNumaNode", synopsis: "Gets the NUMA nodes of this host: their processors and memory.",
        sets: nodeSets, parameters: Parameter.nodeParameters, output: "VMHostNumaNode",
        examples: [Example("Get-VMHostNumaNode", "How much memory is left on each node.")],
        body: .perCall { invocation in
            for node in invocation.context.host.numaNodes() where invocation.number("Id") ?? node.id == node.id {
                try invocation.emit(node.value)
            }
        })

    /// `Get-VMHostNumaNodeStatus`.
    static let getVMHostNumaNodeStatus = Cmdlet(
        "Get", "VMHostNumaNodeStatus", synopsis: "Gets how much memory each running virtual machine has on each NUMA node of this host.",
        details: "The figures are the host kernel's; another user's machines are left out.",
        sets: nodeSets, parameters: Parameter.nodeParameters, output: "VMNumaNodeStatus",
        examples: [Example("Get-VMHostNumaNodeStatus -Id 0", "The machines that have memory on node 0.")],
        body: .perCall { invocation in
            for machine in try invocation.context.host.machines() {
                for (node, bytes) in try machine.memoryByNode().sorted(by: { $0.key < $1.key })
                where invocation.number("Id") ?? node == node {
                    try invocation.emit(
                        .record(
                            Record(
                                typeName: "VMNumaNodeStatus",
                                [
                                    ("NodeId", .count(node)), ("VMName", .string(machine.name)),
                                    ("VMId", .string(machine.id.description)), ("MemoryUsed", .count(bytes >> 20)),
                                    ("ComputerName", .string(LocalHost.name)),
                                ])))
                }
            }
        })

    /// `Get-VMHostSupportedVersion`.
    static let getVMHostSupportedVersion = Cmdlet(
        "Get", "VMHostSupportedVersion", synopsis: "Gets the versions of configurations that this program reads and writes.",
        departures: ["Versions are those of Lunavisor's own documents, not of Hyper-V."],
        sets: nodeSets,
        parameters: Parameter.hostParameters.map { parameter in
            var copy = parameter
            if parameter.name == "ComputerName" { copy.pipeline = .byValue }
            return copy
        } + [Parameter("Default", .switched, "Only the version of new machines.")],
        output: "VMHostSupportedVersion", examples: [Example("Get-VMHostSupportedVersion", "The versions.")],
        body: .perCall { invocation in
            for version in 1...VirtualMachineHost.configurationVersion
            where !invocation.isOn("Default") || version == VirtualMachineHost.configurationVersion {
                try invocation.emit(
                    .record(
                        Record(
                            typeName: "VMHostSupportedVersion",
                            [
                                ("Name", .string("Lunavisor configuration \(version)")), ("Version", .string("\(version).0")),
                                ("IsDefault", .boolean(version == VirtualMachineHost.configurationVersion)),
                                ("ComputerName", .string(LocalHost.name)),
                            ])))
            }
        })
}

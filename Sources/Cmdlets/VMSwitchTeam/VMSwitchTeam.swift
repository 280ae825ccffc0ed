import Basics
import Management
import Persistence

extension Cmdlet {
    private static let teamSets = [
        "SwitchName_NetAdapterName", "SwitchName_NetAdapterInterfaceDescription", "SwitchObject_NetAdapterInterfaceDescription",
        "SwitchObject_NetAdapterName",
    ]

    /// `Get-VMSwitchTeam`.
    static let getVMSwitchTeam = Cmdlet(
        "Get", "VMSwitchTeam", synopsis: "Gets the teams of adapters that lead out of virtual switches.",
        details: "Switches without a team are left out; one that is named and has none is an error.",
        sets: [
            .init("Name", isDefault: true, shape: .oneIfSingle(["Name", "VMSwitch"])),
            .init("SwitchObject", shape: .oneIfSingle(["Name", "VMSwitch"])),
        ],
        parameters: [
            .switchName(many: false, mandatory: false, sets: ["Name"], pipeline: []), .switchObject(sets: ["SwitchObject"]),
        ] + Parameter.remote(sets: []),
        output: "VMSwitchTeam", examples: [Example("Get-VMSwitchTeam", "The teams of this host.")],
        body: .perCall { invocation in
            let host = invocation.context.host
            guard let named = invocation.list("VMSwitch") ?? invocation.list("Name") else {
                for found in try host.switches() where try found.configuration().netAdapterNames != nil {
                    try invocation.emit(try found.teamValue())
                }
                return
            }
            for value in named {
                for object in try ObjectResolver.resolve(
                    value, of: .name(of: "VMSwitch"), invocation.cmdlet, invocation.context, warn: { invocation.warn($0) })
                {
                    let found = try object.virtualSwitch()
                    if WildcardPattern.isPattern(value.text), try found.configuration().netAdapterNames == nil { continue }
                    try invocation.emit(try found.teamValue())
                }
            }
        })

    private static func teamCmdlet(
        _ verb: String, _ noun: String, _ synopsis: String, switchName: Parameter, more: [Parameter], example: Example,
        _ change: @escaping @Sendable (any Invocation, inout [String]) throws -> Void
    ) -> Cmdlet {
        Cmdlet(
            verb, noun, synopsis: synopsis,
            departures: ["A team sends each machine's frames by one adapter: HyperVPort is the only way."],
            sets: teamSets.map { .init($0, isDefault: $0 == teamSets[0], shape: .passthru([switchName.name, "VMSwitch"])) },
            parameters: [
                switchName, .switchObject(sets: Array(teamSets[2...])),
                Parameter(
                    "NetAdapterName", .string, "Bridges or TAP devices of this host.", aliases: ["InterfaceAlias"],
                    sets: [teamSets[0], teamSets[3]], many: true),
                Parameter(
                    "NetAdapterInterfaceDescription", .string, "Adapters by description.", sets: [teamSets[1], teamSets[2]], many: true,
                    effect: .refused("interfaces have names only here; use -NetAdapterName")),
            ] + more + [.passthru] + Parameter.remote(sets: [], computerByProperty: true, hasPSName: true),
            output: "VMSwitchTeam", examples: [example], shouldProcess: true,
            body: .perTarget(parameters: [switchName.name, "VMSwitch"]) { invocation, target in
                let found = try target.virtualSwitch()
                try found.configure { configuration in
                    guard var names = configuration.netAdapterNames else { throw VirtualSwitch.noTeam(configuration.name) }
                    try change(invocation, &names)
                    (configuration.netAdapterNames, configuration.netAdapterName) = (names, names.first)
                }
                if invocation.isOn("Passthru") { try invocation.emit(try found.teamValue()) }
            })
    }

    /// `Set-VMSwitchTeam`.
    static let setVMSwitchTeam = teamCmdlet(
        "Set", "VMSwitchTeam", "Changes the teams of adapters that lead out of virtual switches.",
        switchName: .switchName(sets: Array(teamSets[..<2]), pipeline: []),
        more: [
            Parameter(
                "TeamingMode", .enumeration("VMSwitchTeamingMode", ["SwitchIndependent"]), "How the team is known to other switches."),
            Parameter(
                "LoadBalancingAlgorithm", .enumeration("VMSwitchLoadBalancingAlgorithm", ["HyperVPort", "Dynamic"]),
                "How frames are spread: HyperVPort, by machine; Dynamic is an error."),
        ],
        example: Example("Set-VMSwitchTeam lan -NetAdapterName br0, br1", "The team consists of these two.")
    ) { invocation, names in
        guard invocation.string("LoadBalancingAlgorithm") != "Dynamic" else {
            throw ErrorRecord(
                "Set-VMSwitchTeam -LoadBalancingAlgorithm Dynamic: a machine's frames leave by one adapter here.", "TeamInvalid",
                .notImplemented, action: "Use HyperVPort.", cmdlet: "Set-VMSwitchTeam")
        }
        if let given = invocation.list("NetAdapterName")?.map(\.text) { names = given }
    }

    /// `Add-VMSwitchTeamMember`.
    static let addVMSwitchTeamMember = teamCmdlet(
        "Add", "VMSwitchTeamMember", "Adds adapters to the teams that lead out of virtual switches.", switchName: .teamSwitchName,
        more: [], example: Example("Add-VMSwitchTeamMember lan -NetAdapterName br2", "The team has one more.")
    ) { invocation, names in names += (invocation.list("NetAdapterName") ?? []).map(\.text) }

    /// `Remove-VMSwitchTeamMember`.
    static let removeVMSwitchTeamMember = teamCmdlet(
        "Remove", "VMSwitchTeamMember", "Takes adapters from the teams that lead out of virtual switches.", switchName: .teamSwitchName,
        more: [], example: Example("Remove-VMSwitchTeamMember lan -NetAdapterName br2", "The team has one less.")
    ) { invocation, names in
        for name in (invocation.list("NetAdapterName") ?? []).map(\.text) {
            guard names.contains(name) else {
                throw ErrorRecord(
                    "“\(name)” is not in the team.\(Spelling.hint(name, among: names))", "TeamInvalid", .objectNotFound, target: name,
                    action: "Get-VMSwitchTeam shows who is.", cmdlet: "Remove-VMSwitchTeamMember")
            }
            names.removeAll { $0 == name }
        }
    }
}

extension Parameter {
    /// -VMSwitchName of the cmdlets on members of teams.
    fileprivate static let teamSwitchName = Parameter(
        "VMSwitchName", .name(of: "VMSwitch"), "Names of virtual switches; wildcards are accepted.", aliases: ["SwitchName"],
        sets: ["SwitchName_NetAdapterName", "SwitchName_NetAdapterInterfaceDescription"], mandatory: true, position: 0, many: true,
        wildcards: true)
}

extension VirtualSwitch {
    fileprivate static func noTeam(_ name: String) -> ErrorRecord {
        ErrorRecord(
            "The switch “\(name)” has no team.", "TeamMissing", .invalidOperation, target: name,
            action: "Make one with a team: New-VMSwitch NAME -NetAdapterName br0, br1 -EnableEmbeddedTeaming $true")
    }

    /// Its team as scripts see it. Throws `TeamMissing`.
    fileprivate func teamValue() throws -> Value {
        let configuration = try configuration()
        guard let names = configuration.netAdapterNames else { throw Self.noTeam(configuration.name) }
        return .record(
            Record(
                typeName: "VMSwitchTeam",
                [
                    ("Name", .string(configuration.name)), ("Id", .string(id.description)),
                    ("NetAdapterInterfaceDescription", .list(names.map { .string($0) })),
                    ("NetAdapterName", .list(names.map { .string($0) })), ("TeamingMode", .string("SwitchIndependent")),
                    ("LoadBalancingAlgorithm", .string("HyperVPort")), ("ComputerName", .string(LocalHost.name)),
                ]))
    }
}

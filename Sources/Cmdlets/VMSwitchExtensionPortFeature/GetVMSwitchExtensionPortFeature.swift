import Basics
import Management

extension Parameter {
    /// The ports that cmdlets on features of ports act on. `inSets`: each kind makes a set of its own.
    static func switchPorts(inSets: Bool) -> [Parameter] {
        func sets(_ names: String...) -> [String] { inSets ? names : [] }
        return [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Names of virtual machines; wildcards are accepted.", sets: sets("VMName"),
                mandatory: inSets, position: inSets ? 0 : nil, pipeline: inSets ? .byValue : [], many: true, wildcards: true,
                completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "Virtual machine objects.", sets: sets("VMObject"), mandatory: inSets,
                position: inSets ? 0 : nil, pipeline: inSets ? .byValue : [], many: true, completion: .vmName),
            Parameter(
                "VMNetworkAdapter", .object("VMNetworkAdapter"), "Adapters, as Get-VMNetworkAdapter gives them.",
                sets: sets("ResourceObject"), mandatory: inSets, position: inSets ? 0 : nil, pipeline: inSets ? .byValue : [], many: true),
            Parameter(
                "ManagementOS", .switched, "Adapters of the host on its virtual switches.", sets: sets("ManagementOS"), mandatory: inSets),
            Parameter(
                "ExternalPort", .switched, "The ports by which external and NAT switches lead out.", sets: sets("ExternalPort"),
                mandatory: inSets),
            Parameter("SwitchName", .string, "The switch of -ExternalPort; without it all of them.", sets: sets("ExternalPort")),
            Parameter(
                "VMNetworkAdapterName", .string, "Name of the adapter; wildcards are accepted.",
                sets: sets("VMName", "ManagementOS", "VMObject"), wildcards: true),
        ] + remote(sets: sets("VMName", "ManagementOS", "ExternalPort"))
    }
}

extension Cmdlet.ParameterSet {
    /// The sets of `Parameter.switchPorts`.
    static func portSets(_ shape: Cmdlet.Shape) -> [Cmdlet.ParameterSet] {
        ["VMName", "ResourceObject", "ManagementOS", "ExternalPort", "VMObject"].map { .init($0, isDefault: $0 == "VMName", shape: shape) }
    }
}

extension Cmdlet {
    /// `Get-VMSystemSwitchExtensionPortFeature`.
    static let getVMSystemSwitchExtensionPortFeature = Cmdlet(
        "Get", "VMSystemSwitchExtensionPortFeature", synopsis: "Gets the features that ports of virtual switches can have.",
        details:
            "Each has the SettingData that a new one begins with. A script changes that and gives the feature to Add-VMSwitchExtensionPortFeature. The settings are those of Set-VMNetworkAdapter, -Vlan, -Isolation, Add-VMNetworkAdapterAcl and -ExtendedAcl under the names and numbers of the Msvm_EthernetSwitchPort…SettingData classes.",
        departures: ["SettingData has the settings that act here, and no others."],
        sets: [
            .init(
                "Default",
                shape: .computed("one when -FeatureName or -FeatureId names one") { arguments in
                    let chosen = (arguments["FeatureName"] ?? arguments["FeatureId"])?.elements.map(\.text) ?? []
                    return chosen.count == 1 && !WildcardPattern.isPattern(chosen[0]) ? .one : .many
                })
        ],
        parameters: Parameter.featureChoice(extensionParameter: "SystemSwitchExtension", type: "VMSystemSwitchExtension")
            + Parameter.remote(sets: []),
        output: PortFeature.typeName,
        examples: [
            Example("Get-VMSystemSwitchExtensionPortFeature | Select-Object Name, Id", "All of them."),
            Example(
                "$guard = Get-VMSystemSwitchExtensionPortFeature -FeatureName 'Ethernet Switch Port Security Settings'; $guard.SettingData.EnableDhcpGuard = $true; Add-VMSwitchExtensionPortFeature web01 -VMSwitchExtensionFeature $guard",
                "web01 cannot pose as a DHCP server."),
        ],
        body: .perCall { invocation in
            for feature in try invocation.chosenFeatures(PortFeature.all, \.identity) { try invocation.emit(feature.template) }
        })

    /// `Get-VMSwitchExtensionPortFeature`.
    static let getVMSwitchExtensionPortFeature = Cmdlet(
        "Get", "VMSwitchExtensionPortFeature", synopsis: "Gets the features that ports of virtual switches have.",
        details: "A port has a feature when its settings are not those that every port begins with; of access rules each is one.",
        sets: ParameterSet.portSets(.many),
        parameters: Parameter.switchPorts(inSets: true)
            + Parameter.featureChoice(extensionParameter: "Extension", type: "VMSwitchExtension"),
        output: PortFeature.typeName,
        examples: [
            Example(
                "Get-VMSwitchExtensionPortFeature web01 -FeatureName '*VLAN*' | ForEach-Object { $_.SettingData.AccessVlanId }",
                "The VLANs of web01's adapters.")
        ],
        body: .perCall { invocation in
            let features = try invocation.chosenFeatures(PortFeature.all, \.identity)
            for port in try invocation.switchPorts() ?? [] {
                for feature in features { for value in port.values(of: feature) { try invocation.emit(value) } }
            }
        })
}

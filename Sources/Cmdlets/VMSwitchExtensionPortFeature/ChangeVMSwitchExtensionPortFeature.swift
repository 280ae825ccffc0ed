extension Cmdlet {
    private static let given = Parameter(
        "VMSwitchExtensionFeature", .object(PortFeature.typeName), "Features, as the Get- cmdlets give them.", mandatory: true,
        pipeline: .byValue, many: true)

    private static let passthruShape = Shape.computed("a list with -Passthru") { $0.isOn("Passthru") ? .many : .nothing }

    /// `Add-VMSwitchExtensionPortFeature`.
    static let addVMSwitchExtensionPortFeature = Cmdlet(
        "Add", "VMSwitchExtensionPortFeature", synopsis: "Gives features to ports of virtual switches.",
        details: "The feature comes from Get-VMSystemSwitchExtensionPortFeature. It holds at once, also for a running machine.",
        sets: ParameterSet.portSets(passthruShape), parameters: Parameter.switchPorts(inSets: true) + [given, .passthru],
        output: PortFeature.typeName,
        examples: [
            Example(
                "$span = Get-VMSystemSwitchExtensionPortFeature -FeatureName 'Ethernet Switch Port Security Settings'; $span.SettingData.MonitorMode = 2; Add-VMSwitchExtensionPortFeature -ExternalPort -SwitchName lan -VMSwitchExtensionFeature $span",
                "What comes into lan from outside goes to the mirroring destinations, too.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let ports = try invocation.switchPorts() ?? []
            for value in invocation.list("VMSwitchExtensionFeature") ?? [] {
                let (feature, data) = try PortFeature.given(value, "Add-VMSwitchExtensionPortFeature")
                for port in ports {
                    try port.check(feature, "Add-VMSwitchExtensionPortFeature")
                    guard feature.isMany || feature.read(port.configuration).isEmpty else {
                        throw ErrorRecord(
                            "Add-VMSwitchExtensionPortFeature: \(port.displayName) has the feature “\(feature.identity.name)” already.",
                            "SwitchFeatureExists", .resourceExists, target: feature.identity.name,
                            action: "Change it: Set-VMSwitchExtensionPortFeature", cmdlet: "Add-VMSwitchExtensionPortFeature")
                    }
                    try invocation.change(port, feature) { try feature.write(data, &$0, nil) }
                }
            }
        })

    /// `Set-VMSwitchExtensionPortFeature`.
    static let setVMSwitchExtensionPortFeature = Cmdlet(
        "Set", "VMSwitchExtensionPortFeature", synopsis: "Changes features that ports of virtual switches have.",
        details:
            "Without a port it changes the one that the feature was read from. Of access rules it replaces the one that was read, so those need none named.",
        sets: [.init("Default", shape: passthruShape)], parameters: [given] + Parameter.switchPorts(inSets: false) + [.passthru],
        output: PortFeature.typeName,
        examples: [
            Example(
                "for f in Get-VMSwitchExtensionPortFeature web01 -FeatureName '*Bandwidth*' do $f.SettingData.Limit = 50000000; Set-VMSwitchExtensionPortFeature -VMSwitchExtensionFeature $f end",
                "Where web01's bandwidth is limited, it is 50 Mbit/s now.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachGivenPort { port, feature, data, key in
                try invocation.change(port, feature) { try feature.write(data, &$0, key) }
            }
        })

    /// `Remove-VMSwitchExtensionPortFeature`.
    static let removeVMSwitchExtensionPortFeature = Cmdlet(
        "Remove", "VMSwitchExtensionPortFeature", synopsis: "Takes features from ports of virtual switches.",
        details:
            "Its settings are then those that every port begins with. Without a port it takes the feature from the one it was read from.",
        sets: [.init("Default", shape: passthruShape)], parameters: [given] + Parameter.switchPorts(inSets: false) + [.passthru],
        output: PortFeature.typeName,
        examples: [
            Example("Get-VMSwitchExtensionPortFeature web01 | Remove-VMSwitchExtensionPortFeature", "web01's ports are as new ones are.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachGivenPort { port, feature, _, key in
                let removed = port.values(of: feature)
                guard try invocation.shouldProcess("\(feature.identity.name) of \(port.displayName)", invocation.cmdlet.name) else {
                    return
                }
                _ = try port.changed(invocation.cmdlet.name) { feature.remove(&$0, key) }
                guard invocation.isOn("Passthru") else { return }
                for value in removed where !feature.isMany || Self.key(of: value) == key { try invocation.emit(value) }
            }
        })

    private static func key(of value: Value) -> String? {
        guard case .record(let data)? = (try? PropertyReader.property("SettingData", of: value)) ?? nil else { return nil }
        return InstanceName.parts(data["InstanceID"]?.text ?? "")?.key
    }
}

extension Invocation {
    /// Sets one port, and gives what it has then if -Passthru asks for it.
    fileprivate func change(
        _ port: SwitchPort, _ feature: PortFeature, _ body: (inout AdapterConfiguration) throws -> Void
    ) throws {
        guard try shouldProcess("\(feature.identity.name) of \(port.displayName)", cmdlet.name) else { return }
        let new = try port.changed(cmdlet.name, body)
        if isOn("Passthru") { for value in new.values(of: feature) { try emit(value) } }
    }

    /// The features that were given, each with every port that is meant and the key of what the port has.
    fileprivate func forEachGivenPort(_ body: (SwitchPort, PortFeature, SettingData, String) throws -> Void) throws {
        let named = try switchPorts()
        for value in list("VMSwitchExtensionFeature") ?? [] {
            let (feature, data) = try PortFeature.given(value, cmdlet.name)
            // Of several that a port has, which one is meant only its own name says.
            let key = InstanceName.parts(data.instance)?.key
            let ports = try named ?? [try origin(of: data).port]
            for port in ports {
                try port.check(feature, cmdlet.name)
                let had = feature.read(port.configuration).map(\.key)
                guard let found = had.first(where: { !feature.isMany || $0 == key }) else {
                    throw ErrorRecord(
                        "\(cmdlet.name): \(port.displayName) does not have this feature “\(feature.identity.name)”.",
                        "SwitchFeatureMissing",
                        .objectNotFound, target: feature.identity.name, action: "Add it: Add-VMSwitchExtensionPortFeature",
                        cmdlet: cmdlet.name)
                }
                try body(port, feature, data, found)
            }
        }
    }
}

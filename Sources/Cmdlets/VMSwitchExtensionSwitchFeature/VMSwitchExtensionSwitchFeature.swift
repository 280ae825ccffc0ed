import Basics
import Management

extension Cmdlet {
    private static let given = Parameter(
        "VMSwitchExtensionFeature", .object(SwitchFeature.typeName), "Features, as the Get- cmdlets give them.", mandatory: true,
        pipeline: .byValue, many: true)

    private static let passthruShape = Shape.computed("a list with -Passthru") { $0.isOn("Passthru") ? .many : .nothing }

    /// -SwitchName and -VMSwitch. `inSets`: each makes a set of its own.
    static func featureSwitches(inSets: Bool) -> [Parameter] {
        [
            Parameter(
                "SwitchName", .name(of: "VMSwitch"), "Names of virtual switches; wildcards are accepted.",
                sets: inSets ? ["SwitchName"] : [], mandatory: inSets, position: inSets ? 0 : nil, pipeline: inSets ? .byValue : [],
                many: true, wildcards: true),
            Parameter(
                "VMSwitch", .object("VMSwitch"), "Virtual switches, as Get-VMSwitch gives them.", sets: inSets ? ["SwitchObject"] : [],
                mandatory: inSets, position: inSets ? 0 : nil, pipeline: inSets ? .byValue : [], many: true),
        ] + Parameter.remote(sets: inSets ? ["SwitchName"] : [])
    }

    static func featureSwitchSets(_ shape: Shape) -> [ParameterSet] {
        [.init("SwitchName", isDefault: true, shape: shape), .init("SwitchObject", shape: shape)]
    }

    /// `Get-VMSystemSwitchExtensionSwitchFeature`.
    static let getVMSystemSwitchExtensionSwitchFeature = Cmdlet(
        "Get", "VMSystemSwitchExtensionSwitchFeature", synopsis: "Gets the features that virtual switches can have.",
        details:
            "Each has the SettingData that a new one begins with. There is one: the bounds of what Lunavisor Capture writes down (Enable-VMSwitchExtension) – after how many bytes capture.pcap begins anew, and how many bytes of each frame are written.",
        sets: [.init("Default", shape: .many)],
        parameters: Parameter.featureChoice(extensionParameter: "SystemSwitchExtension", type: "VMSystemSwitchExtension")
            + Parameter.remote(sets: []),
        output: SwitchFeature.typeName,
        examples: [Example("(Get-VMSystemSwitchExtensionSwitchFeature)[1].SettingData", "What it can be set to.")],
        body: .perCall { invocation in
            if try !invocation.chosenFeatures([SwitchFeature.capture], { $0 }).isEmpty { try invocation.emit(SwitchFeature.template) }
        })

    /// `Get-VMSwitchExtensionSwitchFeature`.
    static let getVMSwitchExtensionSwitchFeature = Cmdlet(
        "Get", "VMSwitchExtensionSwitchFeature", synopsis: "Gets the features that virtual switches have.",
        details: "A switch has a feature once it was added.", sets: featureSwitchSets(.many),
        parameters: featureSwitches(inSets: true) + Parameter.featureChoice(extensionParameter: "Extension", type: "VMSwitchExtension"),
        output: SwitchFeature.typeName,
        examples: [Example("Get-VMSwitchExtensionSwitchFeature inside", "How the capture of the switch inside is bounded.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["SwitchName", "VMSwitch"]) { invocation, target in
            guard try !invocation.chosenFeatures([SwitchFeature.capture], { $0 }).isEmpty else { return }
            if let value = try SwitchFeature.value(of: target.virtualSwitch()) { try invocation.emit(value) }
        })

    /// `Add-VMSwitchExtensionSwitchFeature`.
    static let addVMSwitchExtensionSwitchFeature = Cmdlet(
        "Add", "VMSwitchExtensionSwitchFeature", synopsis: "Gives features to virtual switches.",
        details: "The feature comes from Get-VMSystemSwitchExtensionSwitchFeature. It holds at once.",
        sets: featureSwitchSets(passthruShape), parameters: [given] + featureSwitches(inSets: true) + [.passthru],
        output: SwitchFeature.typeName,
        examples: [
            Example(
                "$bounds = (Get-VMSystemSwitchExtensionSwitchFeature)[1]; $bounds.SettingData.MaximumFrameLength = 128; Add-VMSwitchExtensionSwitchFeature inside -VMSwitchExtensionFeature $bounds",
                "The capture of the switch inside holds the headers of frames.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let all = try invocation.featureSwitches() ?? []
            for value in invocation.list("VMSwitchExtensionFeature") ?? [] {
                let data = try SwitchFeature.given(value, invocation.cmdlet.name)
                for found in all {
                    guard try SwitchFeature.value(of: found) == nil else {
                        throw ErrorRecord(
                            "\(invocation.cmdlet.name): “\(found.name)” has the feature “\(SwitchFeature.capture.name)” already.",
                            "SwitchFeatureExists", .resourceExists, target: found.name,
                            action: "Change it: Set-VMSwitchExtensionSwitchFeature", cmdlet: invocation.cmdlet.name)
                    }
                    try invocation.change(found) { try SwitchFeature.write(data, to: found) }
                }
            }
        })

    /// `Set-VMSwitchExtensionSwitchFeature`.
    static let setVMSwitchExtensionSwitchFeature = Cmdlet(
        "Set", "VMSwitchExtensionSwitchFeature", synopsis: "Changes features that virtual switches have.",
        details: "Without a switch it changes the one that the feature was read from.", sets: [.init("Default", shape: passthruShape)],
        parameters: [given] + featureSwitches(inSets: false) + [.passthru], output: SwitchFeature.typeName,
        examples: [
            Example(
                "for f in Get-VMSwitchExtensionSwitchFeature inside do $f.SettingData.MaximumFileSize = 1GB; Set-VMSwitchExtensionSwitchFeature -VMSwitchExtensionFeature $f end",
                "The capture file may have 1 GB.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachGivenSwitch { found, data in
                try invocation.change(found) { try SwitchFeature.write(data, to: found) }
            }
        })

    /// `Remove-VMSwitchExtensionSwitchFeature`.
    static let removeVMSwitchExtensionSwitchFeature = Cmdlet(
        "Remove", "VMSwitchExtensionSwitchFeature", synopsis: "Takes features from virtual switches.",
        details: "The switch is then set as every one begins. Without a switch it takes the feature from the one it was read from.",
        sets: [.init("Default", shape: passthruShape)], parameters: [given] + featureSwitches(inSets: false) + [.passthru],
        output: SwitchFeature.typeName,
        examples: [
            Example(
                "Get-VMSwitchExtensionSwitchFeature inside | Remove-VMSwitchExtensionSwitchFeature",
                "Its capture is bounded as usual again.")
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            try invocation.forEachGivenSwitch { found, _ in
                let old = try SwitchFeature.value(of: found)
                guard try invocation.shouldProcess(found.name, invocation.cmdlet.name) else { return }
                try found.configure { ($0.captureFileBytes, $0.captureFrameBytes) = (nil, nil) }
                if invocation.isOn("Passthru"), let old { try invocation.emit(old) }
            }
        })
}

extension Invocation {
    /// The switches that -SwitchName or -VMSwitch name; nil: neither is given.
    fileprivate func featureSwitches() throws -> [VirtualSwitch]? { try givenSwitches("VMSwitch", "SwitchName") }

    fileprivate func change(_ found: VirtualSwitch, _ body: () throws -> Void) throws {
        guard try shouldProcess(found.name, cmdlet.name) else { return }
        try body()
        if isOn("Passthru"), let value = try SwitchFeature.value(of: found) { try emit(value) }
    }

    /// The features that were given, each with every switch that is meant and has it.
    fileprivate func forEachGivenSwitch(_ body: (VirtualSwitch, SettingData) throws -> Void) throws {
        let named = try featureSwitches()
        for value in list("VMSwitchExtensionFeature") ?? [] {
            let data = try SwitchFeature.given(value, cmdlet.name)
            var all = named ?? []
            if named == nil {
                guard let id = InstanceName.parts(data.instance).flatMap({ GUID($0.port) }) else {
                    throw ErrorRecord(
                        "\(cmdlet.name): which switch? The feature is of none.", "SwitchMissing", .invalidArgument,
                        action: "Take it from Get-VMSwitchExtensionSwitchFeature, or write -SwitchName.", cmdlet: cmdlet.name)
                }
                all = [try context.host.virtualSwitch(id: id)]
            }
            for found in all {
                guard try SwitchFeature.value(of: found) != nil else {
                    throw ErrorRecord(
                        "\(cmdlet.name): “\(found.name)” does not have the feature “\(SwitchFeature.capture.name)”.",
                        "SwitchFeatureMissing",
                        .objectNotFound, target: found.name, action: "Add it: Add-VMSwitchExtensionSwitchFeature", cmdlet: cmdlet.name)
                }
                try body(found, data)
            }
        }
    }
}

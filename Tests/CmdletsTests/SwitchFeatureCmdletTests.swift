import Cmdlets
import Testing

/// Features of ports and switches: what is set as a feature is what the cmdlets of adapters and switches set, and the other way round.
@Suite struct SwitchFeatureCmdletTests {
    let context = TestContext()

    private func call(_ name: String, _ arguments: RawArgument..., input: PipelineInput = .none) throws -> [Value] {
        try Pipeline.run([CommandCall(name, arguments)], input: input, context: context).values
    }

    private func property(_ name: String, _ value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    private func setting(_ name: String, _ feature: Value) throws -> Value { try property(name, property("SettingData", feature)) }

    /// The feature with other settings, as a script makes it.
    private func changed(_ feature: Value, _ settings: (String, Value)...) throws -> Value {
        guard case .record(var record) = feature, case .record(var data)? = record["SettingData"] else {
            Issue.record("no feature")
            return feature
        }
        for (name, value) in settings { data[name] = value }
        record["SettingData"] = .record(data)
        return .record(record)
    }

    private func template(_ name: String) throws -> Value {
        let result = try Pipeline.run(
            [CommandCall("Get-VMSystemSwitchExtensionPortFeature", [.named("FeatureName", .string(name))])], context: context)
        #expect(result.shape == .one)
        return result.value
    }

    private func add(_ feature: Value) throws {
        _ = try call("Add-VMSwitchExtensionPortFeature", .word("web01"), .named("VMSwitchExtensionFeature", feature))
    }

    private func features(_ pattern: String) throws -> [Value] {
        try call("Get-VMSwitchExtensionPortFeature", .word("web01"), .named("FeatureName", .string(pattern)))
    }

    private func adapter(_ name: String) throws -> Value { try property(name, call("Get-VMNetworkAdapter", .word("web01"))[0]) }

    init() throws { _ = try call("New-VM", .word("web01")) }

    @Test func everyFeatureHasItsRealNameAndBeginsUnset() throws {
        let all = try call("Get-VMSystemSwitchExtensionPortFeature")
        #expect(all.count == 7)
        for feature in all {
            #expect(try property("ExtensionId", feature).text == "11ec6134-128a-4a23-b12f-164184b48348")
            #expect(try setting("InstanceID", feature).text.hasPrefix("Microsoft:Definition\\"))
        }
        #expect(try property("Id", template("Ethernet Switch Port Security Settings")).text == "776e0ba7-94a1-41c8-8f28-951f524251b5")
        #expect(try features("*").isEmpty)
        #expect(context.failure { _ = try template("Ethernet Switch Port Sekurity Settings") }?.message.contains("Security") == true)
        let byId = try call(
            "Get-VMSystemSwitchExtensionPortFeature", .named("FeatureId", .string("952C5004-4465-451C-8CB8-FA9AB382B773")))
        #expect(try byId.map { try property("Name", $0).text } == ["Ethernet Switch Port VLAN Settings"])
        #expect(try call("Get-VMSystemSwitchExtensionPortFeature", .named("ExtensionName", .string("Lunavisor*"))).isEmpty)
        let unknown = context.failure {
            _ = try call("Get-VMSystemSwitchExtensionPortFeature", .named("FeatureId", .string("00000000-4465-451C-8CB8-FA9AB382B773")))
        }
        #expect(unknown?.identifier == "SwitchFeatureNotFound" && unknown?.message.contains("00000000-4465-451c-8cb8-fa9ab382b773") == true)
    }

    @Test func securityIsWhatTheAdapterHas() throws {
        let guards = try changed(
            try template("Ethernet Switch Port Security Settings"), ("EnableDhcpGuard", .boolean(true)), ("MonitorMode", .integer(2)))
        try add(guards)
        #expect(try adapter("DhcpGuard").text == "On")
        #expect(try adapter("RouterGuard").text == "Off")
        #expect(try adapter("PortMirroringMode").text == "Source")
        #expect(context.failure { try add(guards) }?.identifier == "SwitchFeatureExists")
        _ = try call("Set-VMNetworkAdapter", .word("web01"), .named("MacAddressSpoofing", .string("On")))
        let found = try features("*Security*")[0]
        #expect(try setting("AllowMacSpoofing", found).booleanValue == true)
        #expect(try setting("MonitorMode", found).integerValue == 2)
        // Without a port it goes back to where it was read.
        _ = try call(
            "Set-VMSwitchExtensionPortFeature", .named("VMSwitchExtensionFeature", changed(found, ("EnableDhcpGuard", .boolean(false)))))
        #expect(try adapter("DhcpGuard").text == "Off")
        #expect(try adapter("MacAddressSpoofing").text == "On")
        let removed = try call("Remove-VMSwitchExtensionPortFeature", .flag("Passthru"), input: .one(found))
        #expect(removed.count == 1)
        #expect(try adapter("MacAddressSpoofing").text == "Off")
        #expect(try features("*").isEmpty)
        #expect(
            context.failure { _ = try call("Remove-VMSwitchExtensionPortFeature", input: .one(found)) }?.identifier
                == "SwitchFeatureMissing")
    }

    @Test func vlanBandwidthIsolationAndProfile() throws {
        try add(
            changed(
                template("Ethernet Switch Port VLAN Settings"), ("OperationMode", .integer(2)), ("NativeVlanId", .integer(1)),
                ("TrunkVlanIdArray", .list([.integer(10), .integer(11)]))))
        let vlan = try call("Get-VMNetworkAdapterVlan", .word("web01"))[0]
        #expect(try property("OperationMode", vlan).text == "Trunk")
        #expect(try property("AllowedVlanIdList", vlan).elements.compactMap(\.integerValue) == [10, 11])
        let wrong = try changed(features("*VLAN*")[0], ("OperationMode", .integer(1)), ("AccessVlanId", .integer(5000)))
        #expect(
            context.failure { _ = try call("Set-VMSwitchExtensionPortFeature", .named("VMSwitchExtensionFeature", wrong)) }?.identifier
                == "SwitchFeatureInvalid")
        _ = try call("Get-VMSwitchExtensionPortFeature", .word("web01")).map {
            try call("Remove-VMSwitchExtensionPortFeature", .named("VMSwitchExtensionFeature", $0))
        }
        #expect(try property("OperationMode", call("Get-VMNetworkAdapterVlan", .word("web01"))[0]).text == "Untagged")

        try add(
            changed(
                template("Ethernet Switch Port Isolation Settings"), ("IsolationMode", .integer(3)), ("DefaultIsolationId", .integer(9))))
        #expect(try property("DefaultIsolationID", call("Get-VMNetworkAdapterIsolation", .word("web01"))[0]).integerValue == 9)
        try add(changed(template("Ethernet Switch Port Bandwidth Settings"), ("Limit", .integer(50_000_000))))
        #expect(try setting("Limit", features("*Bandwidth*")[0]).integerValue == 50_000_000)
        try add(
            changed(
                template("Ethernet Switch Port Profile Settings"), ("ProfileId", .string("{11111111-2222-3333-4444-555555555555}")),
                ("CdnLabelId", .integer(1111))))
        #expect(try setting("ProfileId", features("*Profile*")[0]).text == "{11111111-2222-3333-4444-555555555555}")
        #expect(try features("*").count == 3)
    }

    @Test func eachAccessRuleIsAFeature() throws {
        _ = try call(
            "Add-VMNetworkAdapterAcl", .word("web01"), .named("RemoteIPAddress", .string("10.0.0.0/8")),
            .named("Direction", .string("Both")),
            .named("Action", .string("Deny")))
        let rules = try features("*Port ACL*")
        #expect(try rules.map { try setting("Direction", $0).integerValue } == [1, 2])
        #expect(try setting("RemoteAddressPrefixLength", rules[0]).integerValue == 8)
        // One is changed, the other stays.
        _ = try call(
            "Set-VMSwitchExtensionPortFeature", .named("VMSwitchExtensionFeature", changed(rules[1], ("Action", .integer(3)))))
        let acl = try call("Get-VMNetworkAdapterAcl", .word("web01"))
        #expect(try Set(acl.map { try property("Action", $0).text }) == ["Deny", "Meter"])
        try add(
            changed(
                template("Ethernet Switch Port Extended ACL Settings"), ("Action", .integer(2)), ("LocalPort", .string("80-90")),
                ("Protocol", .string("TCP")), ("Weight", .integer(7))))
        let extended = try call("Get-VMNetworkAdapterExtendedAcl", .word("web01"))[0]
        #expect(try property("LocalPort", extended).text == "80-90")
        #expect(try property("Protocol", extended).text == "TCP")
        _ = try Pipeline.run(
            [
                CommandCall("Get-VMSwitchExtensionPortFeature", [.word("web01")]), CommandCall("Remove-VMSwitchExtensionPortFeature", []),
            ], context: context)
        #expect(try call("Get-VMNetworkAdapterAcl", .word("web01")).isEmpty)
        #expect(try call("Get-VMNetworkAdapterExtendedAcl", .word("web01")).isEmpty)
    }

    @Test func aWrongSettingIsNamed() throws {
        let feature = try template("Ethernet Switch Port Security Settings")
        let unknown = context.failure { try add(changed(feature, ("EnableDhcpGaurd", .boolean(true)))) }
        #expect(unknown?.message.contains("EnableDhcpGuard") == true)
        let kind = context.failure { try add(changed(feature, ("EnableDhcpGuard", .string("perhaps")))) }
        #expect(kind?.message.contains("EnableDhcpGuard") == true)
        #expect(context.failure { try add(changed(feature, ("MonitorMode", .integer(3)))) }?.identifier == "SwitchFeatureInvalid")
        #expect(
            context.failure { _ = try call("Set-VMSwitchExtensionPortFeature", .named("VMSwitchExtensionFeature", feature)) }?.identifier
                == "SwitchPortMissing")
        #expect(
            context.failure { try add(.record(Record(typeName: "VMSwitchExtensionPortFeature", [("Id", .string("x"))]))) }?.identifier
                == "SwitchFeatureNotFound")
        #expect(context.failure { try add(.string("security")) }?.identifier == "ParameterArgumentTransformationError")
    }

    @Test func aPortThatLeadsOutIsMirrored() throws {
        _ = try call("New-VMSwitch", .word("nat"), .named("SwitchType", .string("NAT")), .named("NatSubnet", .string("10.9.0.0/24")))
        _ = try call("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        let span = try changed(template("Ethernet Switch Port Security Settings"), ("MonitorMode", .integer(2)))
        func external(_ verb: String, _ arguments: RawArgument...) throws -> [Value] {
            try Pipeline.run([CommandCall("\(verb)-VMSwitchExtensionPortFeature", [.flag("ExternalPort")] + arguments)], context: context)
                .values
        }
        _ = try external("Add", .named("SwitchName", .string("nat")), .named("VMSwitchExtensionFeature", span))
        let found = try external("Get", .named("SwitchName", .string("nat")))
        #expect(try found.map { try setting("MonitorMode", $0).integerValue } == [2])
        #expect(try external("Get").count == 1)
        let guards = try changed(span, ("EnableDhcpGuard", .boolean(true)))
        #expect(
            context.failure {
                _ = try external("Set", .named("SwitchName", .string("nat")), .named("VMSwitchExtensionFeature", guards))
            }?.identifier == "SwitchFeatureInvalid")
        let limit = try template("Ethernet Switch Port Bandwidth Settings")
        #expect(
            context.failure {
                _ = try external("Add", .named("SwitchName", .string("nat")), .named("VMSwitchExtensionFeature", limit))
            }?.identifier == "SwitchFeatureInvalid")
        #expect(
            context.failure {
                _ = try external("Add", .named("SwitchName", .string("inside")), .named("VMSwitchExtensionFeature", span))
            }?.identifier == "SwitchKindInvalid")
        _ = try call("Remove-VMSwitchExtensionPortFeature", input: .many(found))
        #expect(try external("Get").isEmpty)
    }

    @Test func theCaptureOfASwitchHasBounds() throws {
        _ = try call("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        let template = try call("Get-VMSystemSwitchExtensionSwitchFeature")[0]
        #expect(try setting("MaximumFileSize", template).integerValue == 64 << 20)
        #expect(try call("Get-VMSwitchExtensionSwitchFeature", .word("inside")).isEmpty)
        let short = try changed(template, ("MaximumFrameLength", .integer(128)))
        _ = try call("Add-VMSwitchExtensionSwitchFeature", .word("inside"), .named("VMSwitchExtensionFeature", short))
        let found = try call("Get-VMSwitchExtensionSwitchFeature", .word("inside"))[0]
        #expect(try setting("MaximumFrameLength", found).integerValue == 128)
        #expect(
            context.failure {
                _ = try call("Add-VMSwitchExtensionSwitchFeature", .word("inside"), .named("VMSwitchExtensionFeature", short))
            }?.identifier == "SwitchFeatureExists")
        _ = try call(
            "Set-VMSwitchExtensionSwitchFeature", .named("VMSwitchExtensionFeature", changed(found, ("MaximumFileSize", .integer(2 << 20))))
        )
        let now = try call("Get-VMSwitchExtensionSwitchFeature", .word("inside"))[0]
        #expect(try setting("MaximumFileSize", now).integerValue == 2 << 20)
        #expect(
            context.failure {
                _ = try call(
                    "Set-VMSwitchExtensionSwitchFeature",
                    .named("VMSwitchExtensionFeature", changed(found, ("MaximumFrameLength", .integer(1)))))
            }?.identifier == "SwitchFeatureInvalid")
        _ = try call("Remove-VMSwitchExtensionSwitchFeature", input: .one(now))
        #expect(try call("Get-VMSwitchExtensionSwitchFeature", .word("inside")).isEmpty)
        // Nothing runs, and nothing was captured.
        #expect(try call("Get-VMSwitchExtensionSwitchData", .word("inside")).isEmpty)
        #expect(try call("Get-VMSwitchExtensionPortData", .word("web01")).isEmpty)
    }
}

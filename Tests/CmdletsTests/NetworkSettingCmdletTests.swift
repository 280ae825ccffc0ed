import Cmdlets
import Testing

/// Isolation, routing domains, extensions of switches, and the console's devices, on a store of their own.
@Suite struct NetworkSettingCmdletTests {
    let context = TestContext()

    private func run(_ name: String, _ arguments: RawArgument...) throws -> PipelineResult {
        try Pipeline.run([CommandCall(name, arguments)], context: context)
    }

    private func property(_ name: String, of value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    @Test func isolationIsSetShownAndExcludesAVLAN() throws {
        _ = try run("New-VM", .word("web01"))
        func mode() throws -> String {
            try property("IsolationMode", of: run("Get-VMNetworkAdapterIsolation", .word("web01")).values[0]).text
        }
        #expect(try mode() == "None")
        _ = try run(
            "Set-VMNetworkAdapterIsolation", .word("web01"), .named("IsolationMode", .string("Vlan")),
            .named("DefaultIsolationID", .integer(100)))
        #expect(try mode() == "Vlan")
        let vlan = context.failure {
            _ = try run("Set-VMNetworkAdapterVlan", .word("web01"), .flag("Access"), .named("VlanId", .integer(5)))
        }
        #expect(vlan?.identifier == "IsolationAndVlan")
        let subnet = context.failure {
            _ = try run("Set-VMNetworkAdapterIsolation", .word("web01"), .named("IsolationMode", .string("NativeVirtualSubnet")))
        }
        #expect(subnet?.identifier == "IsolationModeInvalid")
        _ = try run("Set-VMNetworkAdapterIsolation", .word("web01"), .named("IsolationMode", .string("None")))
        #expect(try mode() == "None")
        let none = context.failure {
            _ = try run("Set-VMNetworkAdapterIsolation", .word("web01"), .named("DefaultIsolationID", .integer(7)))
        }
        #expect(none?.identifier == "IsolationModeInvalid")
    }

    @Test func routingDomainsComeChangeAndGo() throws {
        _ = try run("New-VM", .word("gw"))
        func add(_ name: String, _ ids: [Int64], _ id: String) throws {
            _ = try run(
                "Add-VMNetworkAdapterRoutingDomainMapping", .word("gw"), .named("RoutingDomainID", .string(id)),
                .named("RoutingDomainName", .string(name)), .named("IsolationID", .list(ids.map { .integer($0) })))
        }
        let (red, blue) = ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
        try add("red", [10, 11], red)
        #expect(context.failure { try add("blue", [11, 12], blue) }?.identifier == "RoutingDomainExists")
        try add("blue", [12], blue)
        let found = try run("Get-VMNetworkAdapterRoutingDomainMapping", .word("gw"), .named("RoutingDomainName", .string("RED"))).values
        #expect(found.count == 1)
        #expect(try property("IsolationID", of: found[0]).elements.compactMap(\.integerValue) == [10, 11])
        _ = try run(
            "Set-VMNetworkAdapterRoutingDomainMapping", .word("gw"), .named("RoutingDomainName", .string("red")),
            .named("NewRoutingDomainName", .string("crimson")), .named("IsolationID", .list([.integer(20)])))
        #expect(try property("RoutingDomainName", of: found[0]).text == "crimson")
        #expect(try property("IsolationID", of: found[0]).elements.compactMap(\.integerValue) == [20])
        let removed = try run(
            "Remove-VMNetworkAdapterRoutingDomainMapping", .word("gw"), .named("RoutingDomainID", .string(blue)), .flag("Passthru"))
        #expect(removed.values.map(\.text) == ["blue"])
        let missing = context.failure {
            _ = try run("Remove-VMNetworkAdapterRoutingDomainMapping", .word("gw"), .named("RoutingDomainName", .string("blue")))
        }
        #expect(missing?.identifier == "RoutingDomainNotFound")
    }

    @Test func theCaptureExtensionIsTurnedOnAndOff() throws {
        _ = try run("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        #expect(try run("Get-VMSystemSwitchExtension").values.map { try property("Name", of: $0).text } == ["Lunavisor Capture"])
        func isOn() throws -> Bool? {
            try property("Enabled", of: run("Get-VMSwitchExtension", .word("inside")).values[0]).booleanValue
        }
        #expect(try isOn() == false)
        _ = try run("Enable-VMSwitchExtension", .word("Lunavisor Capture"), .word("inside"))
        #expect(try isOn() == true)
        _ = try run("Disable-VMSwitchExtension", .word("*capture"))
        #expect(try isOn() == false)
        let missing = context.failure { _ = try run("Enable-VMSwitchExtension", .word("Azure VFP"), .word("inside")) }
        #expect(missing?.identifier == "SwitchExtensionNotFound")
    }

    @Test func aSwitchWithoutATeamSaysSo() throws {
        _ = try run("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        #expect(try run("Get-VMSwitchTeam").values.isEmpty)
        #expect(context.failure { _ = try run("Get-VMSwitchTeam", .word("inside")) }?.identifier == "TeamMissing")
        let change = context.failure { _ = try run("Add-VMSwitchTeamMember", .word("inside"), .named("NetAdapterName", .string("br0"))) }
        #expect(change?.identifier == "TeamMissing")
        _ = try run("New-VM", .word("web01"))
        let loose = context.failure {
            _ = try run("Set-VMNetworkAdapterTeamMapping", .word("web01"), .named("PhysicalNetAdapterName", .string("br0")))
        }
        #expect(loose?.identifier == "TeamMissing")
        _ = try run("Connect-VMNetworkAdapter", .word("web01"), .named("SwitchName", .string("inside")))
        let unknown = context.failure {
            _ = try run("Set-VMNetworkAdapterTeamMapping", .word("web01"), .named("PhysicalNetAdapterName", .string("br0")))
        }
        #expect(unknown?.identifier == "TeamInvalid")
        #expect(try run("Get-VMNetworkAdapterTeamMapping", .word("web01")).values.isEmpty)
        let single = context.failure {
            _ = try run(
                "New-VMSwitch", .word("x"), .named("EnableEmbeddedTeaming", .boolean(true)),
                .named("SwitchType", .string("Private")))
        }
        #expect(single?.identifier == "ParameterConflict")
    }

    @Test func aConnectionIsTestedWhereOneIs() throws {
        _ = try run("New-VM", .word("web01"))
        func test(_ sender: String, _ more: RawArgument...) -> ErrorRecord? {
            context.failure {
                _ = try Pipeline.run(
                    [
                        CommandCall(
                            "Test-VMNetworkAdapter",
                            [
                                .word("web01"), .named("SenderIPAddress", .string(sender)),
                                .named("ReceiverIPAddress", .string("10.0.0.2")),
                                .named("SequenceNumber", .integer(1)),
                            ] + more)
                    ], context: context)
            }
        }
        #expect(test("10.0.0.1")?.identifier == "AdapterNotConnected")
        _ = try run("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        _ = try run("Connect-VMNetworkAdapter", .word("web01"), .named("SwitchName", .string("inside")))
        #expect(test("10.0.0.1")?.identifier == "AdapterNotConnected")
        #expect(test("fe80::1")?.identifier == "AddressInvalid")
        #expect(test("10.0.0.1", .named("NextHopMacAddress", .string("red")))?.identifier == "MacAddressInvalid")
        #expect(test("10.0.0.1", .flag("Receiver"))?.identifier == "ParameterRefused")
        _ = try run("Add-VMNetworkAdapter", .word("web01"))
        #expect(test("10.0.0.1")?.identifier == "AdapterAmbiguous")
    }

    @Test func eventingChangesNothing() throws {
        _ = try run("Enable-VMEventing", .flag("Force"))
        _ = try run("Disable-VMEventing")
        _ = try run("New-VM", .word("web01"))
        #expect(try run("Disable-VMConsoleSupport", .word("web01"), .flag("Passthru")).value.text == "web01")
        _ = try run("Enable-VMConsoleSupport", .word("web01"))
    }
}

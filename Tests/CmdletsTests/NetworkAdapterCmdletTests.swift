import Cmdlets
import Testing

/// The cmdlets on network adapters, VLANs, access rules and integration services; no machine runs.
@Suite struct NetworkAdapterCmdletTests {
    let context = TestContext()

    init() throws {
        _ = try context.call("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        _ = try context.call("New-VM", .word("web01"), .word("64MB"), .named("SwitchName", .string("inside")))
    }

    private func property(_ name: String, _ value: Value) throws -> String { try PropertyReader.property(name, of: value)?.text ?? "none" }

    private func adapters(_ name: String = "web01") throws -> [Value] { try context.call("Get-VMNetworkAdapter", .word(name)).values }

    private func identifier(_ name: String, _ arguments: RawArgument...) -> String? {
        context.failure { _ = try Pipeline.run([CommandCall(name, arguments)], context: context) }?.identifier
    }

    @Test func adaptersHaveTheModulesDefaults() throws {
        let adapter = try #require(try adapters().first)
        #expect(try property("Name", adapter) == "Network Adapter")
        #expect(try property("SwitchName", adapter) == "inside")
        let mac = try property("MacAddress", adapter)
        #expect(mac.count == 12 && mac.hasPrefix("00155D"))
        #expect(try property("MacAddress", adapter) == mac)
        #expect(try PropertyReader.property("IPAddresses", of: adapter)?.elements.isEmpty == true)
        #expect(try context.shown(CommandCall("Get-VMNetworkAdapter", [.word("web01")])).hasPrefix("Name            IsManagementOs VMName"))
        #expect(identifier("New-VM", .word("x"), .word("64MB"), .named("SwitchName", .string("insid"))) == "SwitchNotFound")
    }

    @Test func adaptersAreAddedRenamedConnectedAndRemoved() throws {
        _ = try context.call(
            "Add-VMNetworkAdapter", .word("web01"), .named("Name", .string("eth1")),
            .named("StaticMacAddress", .string("00-15-5d-01-02-03")))
        var all = try adapters()
        #expect(try property("MacAddress", all[1]) == "00155D010203")
        #expect(try property("SwitchName", all[1]) == "")
        _ = try context.call("Connect-VMNetworkAdapter", .word("web01"), .word("eth1"), .word("INSIDE"))
        #expect(try property("SwitchName", all[1]) == "inside")
        _ = try context.call("Disconnect-VMNetworkAdapter", .word("web01"), .word("eth*"))
        #expect(try property("Connected", all[1]).lowercased() == "false")
        _ = try context.call("Rename-VMNetworkAdapter", .word("web01"), .word("eth1"), .word("outside"))
        #expect(try property("Name", all[1]) == "outside")
        _ = try Pipeline.run(
            [CommandCall("Connect-VMNetworkAdapter", [.named("SwitchName", .string("inside"))])], input: .one(all[1]), context: context)
        #expect(identifier("Connect-VMNetworkAdapter", .word("web01"), .named("SwitchName", .string("none"))) == "SwitchNotFound")
        #expect(identifier("Rename-VMNetworkAdapter", .word("web01"), .word("eth7"), .word("x")) == "AdapterNotFound")
        _ = try context.call("Remove-VMNetworkAdapter", .word("web01"), .named("Name", .string("outside")))
        all = try adapters()
        #expect(all.count == 1)
    }

    @Test func macAddressesAreCheckedAndUnique() throws {
        func set(_ mac: String) -> String? { identifier("Set-VMNetworkAdapter", .word("web01"), .named("StaticMacAddress", .string(mac))) }
        #expect(set("00155D0102") == "MacAddressInvalid")
        #expect(set("01155D010203") == "MacAddressInvalid")
        #expect(set("000000000000") == "MacAddressInvalid")
        #expect(set("00155D010203") == nil)
        #expect(
            identifier("Add-VMNetworkAdapter", .word("web01"), .named("StaticMacAddress", .string("00:15:5d:01:02:03")))
                == "MacAddressInUse")
        _ = try context.call("Set-VMNetworkAdapter", .word("web01"), .flag("DynamicMacAddress"))
        let adapter = try adapters()[0]
        #expect(try property("MacAddress", adapter) != "00155D010203")
        #expect(try property("DynamicMacAddressEnabled", adapter).lowercased() == "true")
        for number in 2...8 { _ = try context.call("Add-VMNetworkAdapter", .word("web01"), .named("Name", .string("eth\(number)"))) }
        #expect(Set(try adapters().map { try property("MacAddress", $0) }).count == 8)
        #expect(identifier("Add-VMNetworkAdapter", .word("web01")) == "AdapterLimit")
    }

    @Test func settingsOfAPort() throws {
        _ = try context.call(
            "Set-VMNetworkAdapter", .word("web01"), .named("MacAddressSpoofing", .string("On")), .named("DhcpGuard", .string("on")),
            .named("PortMirroring", .string("Source")), .named("MaximumBandwidth", .integer(10_000_000)))
        let adapter = try adapters()[0]
        #expect(try property("MacAddressSpoofing", adapter) == "On")
        #expect(try property("DhcpGuard", adapter) == "On")
        #expect(try property("RouterGuard", adapter) == "Off")
        #expect(try property("PortMirroringMode", adapter) == "Source")
        let limits = try #require(try PropertyReader.property("BandwidthSetting", of: adapter))
        #expect(try PropertyReader.property("MaximumBandwidth", of: limits)?.integerValue == 10_000_000)
    }

    @Test func vlans() throws {
        let setting = try context.call("Get-VMNetworkAdapterVlan", .word("web01")).values[0]
        #expect(try property("OperationMode", setting) == "Untagged")
        _ = try context.call("Set-VMNetworkAdapterVlan", .word("web01"), .flag("Access"), .named("VlanId", .integer(100)))
        #expect(try property("AccessVlanId", setting) == "100")
        func trunk(_ list: String, native: Int64 = 1) -> String? {
            identifier(
                "Set-VMNetworkAdapterVlan", .word("web01"), .flag("Trunk"), .named("NativeVlanId", .integer(native)),
                .named("AllowedVlanIdList", .string(list)))
        }
        #expect(trunk("10-12,20") == nil)
        #expect(try property("AllowedVlanIdListString", setting) == "10-12,20")
        #expect(try context.shown(CommandCall("Get-VMNetworkAdapterVlan", [.word("web01")])).contains("1,10-12,20"))
        for list in ["0", "4095", "10-4095", "ten", "20-10", ""] { #expect(trunk(list) != nil, "\(list)") }
        #expect(trunk("10", native: 5000) == "VlanIdOutOfRange")
        for id: Int64 in [0, 4095, 65_535] {
            #expect(
                identifier("Set-VMNetworkAdapterVlan", .word("web01"), .flag("Access"), .named("VlanId", .integer(id)))
                    == "VlanIdOutOfRange")
        }
        #expect(identifier("Set-VMNetworkAdapterVlan", .word("web01"), .flag("Access"), .flag("Trunk")) == "AmbiguousParameterSet")
        #expect(identifier("Set-VMNetworkAdapterVlan", .word("web01")) == "AmbiguousParameterSet")
        #expect(try property("OperationMode", setting) == "Trunk")
        _ = try context.call("Set-VMNetworkAdapterVlan", .word("web01"), .flag("Untagged"))
        #expect(try property("OperationMode", setting) == "Untagged")
    }

    @Test func accessRules() throws {
        func add(_ address: String, _ direction: String, parameter: String = "RemoteIPAddress") -> String? {
            identifier(
                "Add-VMNetworkAdapterAcl", .word("web01"), .named("Action", .string("Deny")), .named("Direction", .string(direction)),
                .named(parameter, .string(address)))
        }
        #expect(add("10.0.0.0/8", "Both") == nil)
        #expect(add("fe80::/10", "Inbound") == nil)
        #expect(add("00-15-5D-01-02-03", "Inbound", parameter: "LocalMacAddress") == nil)
        #expect(add("10.0.0.0/33", "Inbound") == "AccessRuleInvalid")
        #expect(add("00155D010203", "Inbound") == "AccessRuleInvalid")
        #expect(add("somewhere", "Inbound", parameter: "RemoteMacAddress") == "AccessRuleInvalid")
        #expect(add("10.0.0.0/8", "Inbound") == nil)
        var rules = try context.call("Get-VMNetworkAdapterAcl", .word("web01")).values
        #expect(try rules.map { try property("Direction", $0) } == ["Inbound", "Outbound", "Inbound", "Inbound"])
        #expect(try property("LocalAddress", rules[3]) == "00155D010203")
        _ = try Pipeline.run([CommandCall("Remove-VMNetworkAdapterAcl")], input: .one(rules[2]), context: context)
        _ = try context.call(
            "Remove-VMNetworkAdapterAcl", .word("web01"), .named("Action", .string("Deny")), .named("Direction", .string("Both")),
            .named("RemoteIPAddress", .string("10.0.0.0/8")))
        rules = try context.call("Get-VMNetworkAdapterAcl", .word("web01")).values
        #expect(rules.count == 1)
        #expect(
            identifier(
                "Remove-VMNetworkAdapterAcl", .word("web01"), .named("Action", .string("Allow")), .named("Direction", .string("Both")),
                .named("RemoteIPAddress", .string("10.0.0.0/8"))) == "AccessRuleNotFound")
    }

    @Test func integrationServices() throws {
        let all = try context.call("Get-VMIntegrationService", .word("web01")).values
        #expect(
            all.map(\.text) == [
                "Guest Service Interface", "Heartbeat", "Key-Value Pair Exchange", "Shutdown", "Time Synchronization", "VSS",
            ])
        #expect(try all.map { try property("Enabled", $0).lowercased() } == ["false", "true", "true", "true", "true", "true"])
        _ = try context.call("Enable-VMIntegrationService", .positional(.string("Guest Service Interface")), .word("web01"))
        _ = try Pipeline.run(
            [CommandCall("Get-VMIntegrationService", [.word("web01"), .word("heart*")]), CommandCall("Disable-VMIntegrationService")],
            context: context)
        #expect(try property("Enabled", all[0]).lowercased() == "true")
        #expect(try property("Enabled", all[1]).lowercased() == "false")
        let one = try context.call("Get-VMIntegrationService", .word("web01"), .word("VSS"))
        #expect(one.shape == .one)
        #expect(identifier("Disable-VMIntegrationService", .word("Heartbeet"), .word("web01")) == "IntegrationServiceNotFound")
        // Waiting for what cannot come fails at once, not after the time.
        #expect(identifier("Wait-VM", .word("web01"), .named("For", .string("Heartbeat"))) == "IntegrationServiceDisabled")
        #expect(
            identifier(
                "Copy-VMFile", .word("web01"), .word("/etc/hostname"), .word("/tmp/x"), .named("FileSource", .string("Host")))
                == "InvalidState")
    }

    @Test func dynamicMemory() throws {
        _ = try context.call(
            "Set-VMMemory", .word("web01"), .named("DynamicMemoryEnabled", .boolean(true)), .named("MinimumBytes", .string("32MB")))
        let memory = try context.call("Get-VMMemory", .word("web01")).value
        #expect(try property("DynamicMemoryEnabled", memory).lowercased() == "true")
        #expect(try PropertyReader.property("Minimum", of: memory)?.integerValue == 32 << 20)
        #expect(identifier("Set-VMMemory", .word("web01"), .named("MinimumBytes", .string("128MB"))) == "MemoryOutOfRange")
        #expect(identifier("Set-VM", .word("web01"), .flag("StaticMemory"), .flag("DynamicMemory")) == "AmbiguousParameterSet")
        _ = try context.call("Set-VM", .word("web01"), .flag("StaticMemory"))
        #expect(try property("DynamicMemoryEnabled", memory).lowercased() == "false")
    }

    @Test func anExactMachineDrawsItsDevicesFromItsSeed() throws {
        for name in ["one", "two"] {
            _ = try context.call("New-VM", .word(name), .word("64MB"), .named("TimeMode", .string("Exact")), .named("Seed", .integer(7)))
            _ = try context.call("Add-VMNetworkAdapter", .word(name), .named("Name", .string("eth1")))
        }
        let (one, two) = (try adapters("one"), try adapters("two"))
        #expect(try one.map { try property("MacAddress", $0) } == two.map { try property("MacAddress", $0) })
        #expect(try property("AdapterId", one[0]) != property("AdapterId", one[1]))
    }
}

import Cmdlets
import Glibc
import Testing

/// Resource pools and who takes from them, on a store of their own.
@Suite struct ResourcePoolCmdletTests {
    let context = TestContext()

    private func run(_ name: String, _ arguments: RawArgument...) throws -> PipelineResult {
        try Pipeline.run([CommandCall(name, arguments)], context: context)
    }

    private func property(_ name: String, of value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    @Test func poolsAreMadeRenamedAndRemoved() throws {
        #expect(try run("Get-VMResourcePool", .word("Primordial"), .word("Memory")).values.count == 1)
        let made = try run(
            "New-VMResourcePool", .word("team"), .named("ResourcePoolType", .list([.string("Memory"), .string("Processor")])))
        #expect(made.values.count == 2)
        #expect(try property("ParentName", of: made.values[0]).elements.map(\.text) == ["Primordial"])
        #expect(context.failure { _ = try run("New-VMResourcePool", .word("TEAM"), .word("Memory")) }?.identifier == "ResourcePoolExists")
        #expect(
            context.failure { _ = try run("New-VMResourcePool", .word("x"), .word("PciExpress")) }?.identifier == "ResourcePoolInvalid")
        _ = try run("New-VM", .word("web01"))
        _ = try run("Set-VMMemory", .word("web01"), .named("ResourcePoolName", .string("team")))
        #expect(try property("ResourcePoolName", of: run("Get-VMMemory", .word("web01")).value).text == "team")
        #expect(try property("ResourcePoolName", of: run("Get-VMProcessor", .word("web01")).value).text == "Primordial")
        #expect(context.failure { _ = try run("Remove-VMResourcePool", .word("team"), .word("Memory")) }?.identifier == "ResourcePoolInUse")
        _ = try run("Rename-VMResourcePool", .word("team"), .word("Memory"), .word("crew"))
        #expect(try property("ResourcePoolName", of: run("Get-VMMemory", .word("web01")).value).text == "crew")
        _ = try run("Set-VMMemory", .word("web01"), .named("ResourcePoolName", .string("Primordial")))
        _ = try run("Remove-VMResourcePool", .word("crew"), .word("Memory"))
        let missing = context.failure { _ = try run("Set-VMMemory", .word("web01"), .named("ResourcePoolName", .string("crew"))) }
        #expect(missing?.identifier == "ResourcePoolNotFound")
        #expect(context.failure { _ = try run("Remove-VMResourcePool", .word("Primordial"), .word("Memory")) } != nil)
    }

    @Test func disksOfAPoolLieInItsFolders() throws {
        let folder = context.host.storePath + "-pool"
        #expect(mkdir(folder, 0o700) == 0)
        let other = context.host.storePath + "-other"
        #expect(mkdir(other, 0o700) == 0)
        for path in [folder, other] { _ = try run("New-VHD", .word(path + "/a.vhdx"), .named("SizeBytes", .integer(8 << 20))) }
        _ = try run("New-VM", .word("web01"))
        _ = try run("New-VMResourcePool", .word("fast"), .word("VHD"), .named("Paths", .string(folder)))
        func add(_ path: String) throws {
            _ = try run("Add-VMHardDiskDrive", .word("web01"), .named("Path", .string(path)), .named("ResourcePoolName", .string("fast")))
        }
        #expect(context.failure { try add(other + "/a.vhdx") }?.identifier == "ResourcePoolPath")
        #expect(context.failure { try add(folder + "/../store-other/a.vhdx") } != nil)
        try add(folder + "/a.vhdx")
        #expect(try property("PoolName", of: run("Get-VMHardDiskDrive", .word("web01")).values[0]).text == "fast")
        _ = try run("Add-VMStoragePath", .word(other), .word("fast"), .word("VHD"))
        let paths = try run("Get-VMStoragePath", .named("ResourcePoolName", .string("fast")), .named("ResourcePoolType", .string("VHD")))
        #expect(try paths.values.map { try property("Path", of: $0).text } == [folder, other])
        try add(other + "/a.vhdx")
        _ = try run("Remove-VMStoragePath", .word(other), .word("fast"), .word("VHD"))
        let gone = context.failure { _ = try run("Remove-VMStoragePath", .word(other), .word("fast"), .word("VHD")) }
        #expect(gone?.identifier == "StoragePathNotFound")
    }

    @Test func anAdapterIsConnectedToTheLeastUsedSwitchOfItsPool() throws {
        for name in ["one", "two", "three"] { _ = try run("New-VMSwitch", .word(name), .named("SwitchType", .string("Private"))) }
        _ = try run("New-VMResourcePool", .word("lab"), .word("Ethernet"))
        for name in ["one", "two"] { _ = try run("Add-VMSwitch", .word(name), .word("lab")) }
        #expect(try run("Get-VMSwitch", .named("ResourcePoolName", .string("lab"))).values.map(\.text) == ["one", "two"])
        var used: [String] = []
        for number in 1...2 {
            _ = try run("New-VM", .word("vm\(number)"))
            _ = try run("Set-VMNetworkAdapter", .word("vm\(number)"), .named("ResourcePoolName", .string("lab")))
            _ = try run("Connect-VMNetworkAdapter", .word("vm\(number)"), .flag("UseAutomaticConnection"))
            used.append(try property("SwitchName", of: run("Get-VMNetworkAdapter", .word("vm\(number)")).values[0]).text)
        }
        #expect(used.sorted() == ["one", "two"])
    }

    @Test func meteringCoversTheMachinesOfAPool() throws {
        for name in ["a", "b", "c"] { _ = try run("New-VM", .word(name)) }
        _ = try run("New-VMResourcePool", .word("team"), .word("Memory"))
        for name in ["a", "b"] { _ = try run("Set-VMMemory", .word(name), .named("ResourcePoolName", .string("team"))) }
        _ = try run("Enable-VMResourceMetering", .named("ResourcePoolName", .string("team")), .named("ResourcePoolType", .string("Memory")))
        let metered = try run("Get-VM").values.filter { try property("ResourceMeteringEnabled", of: $0).booleanValue == true }
        #expect(metered.map(\.text) == ["a", "b"])
        let report = try run("Measure-VMResourcePool", .word("team"), .word("Memory")).values[0]
        #expect(try property("MachineCount", of: report).integerValue == 2)
        #expect(try property("VMName", of: run("Measure-VM", .word("a")).value).text == "a")
        #expect(context.failure { _ = try run("Measure-VM", .word("c")) }?.identifier == "MeteringDisabled")
    }

    @Test func rulesAboutPortsAreAddedShownAndRemoved() throws {
        _ = try run("New-VM", .word("web01"))
        _ = try run("Add-VMNetworkAdapterExtendedAcl", .word("web01"), .word("Deny"), .word("Inbound"), .named("Weight", .integer(1)))
        _ = try run(
            "Add-VMNetworkAdapterExtendedAcl", .word("web01"), .word("Allow"), .word("Inbound"), .named("LocalPort", .string("443")),
            .named("Protocol", .string("tcp")), .named("Stateful", .boolean(true)), .named("Weight", .integer(10)))
        let rules = try run("Get-VMNetworkAdapterExtendedAcl", .word("web01")).values
        #expect(try rules.map { try property("Weight", of: $0).text } == ["10", "1"])
        #expect(try property("Protocol", of: rules[0]).text == "TCP")
        #expect(try property("RemotePort", of: rules[0]).text == "ANY")
        #expect(try property("IdleSessionTimeout", of: rules[0]).integerValue == 255)
        func add(_ name: String, _ value: String, weight: Int64 = 5) -> String? {
            context.failure {
                _ = try run(
                    "Add-VMNetworkAdapterExtendedAcl", .word("web01"), .word("Deny"), .word("Inbound"), .named(name, .string(value)),
                    .named("Weight", .integer(weight)))
            }?.identifier
        }
        #expect(add("LocalPort", "80", weight: 10) == "AccessRuleExists")
        #expect(add("LocalPort", "90-80") == "AccessRuleInvalid")
        #expect(add("RemoteIPAddress", "nonsense") == "AccessRuleInvalid")
        #expect(add("Protocol", "carrier pigeon") == "AccessRuleInvalid")
        _ = try run(
            "Remove-VMNetworkAdapterExtendedAcl", .word("web01"), .named("Direction", .string("Inbound")), .named("Weight", .integer(1)))
        _ = try Pipeline.run(
            [
                CommandCall("Get-VMNetworkAdapterExtendedAcl", [.word("web01")]), CommandCall("Remove-VMNetworkAdapterExtendedAcl", []),
            ], context: context)
        #expect(try run("Get-VMNetworkAdapterExtendedAcl", .word("web01")).values.isEmpty)
    }
}

import Cmdlets
import Glibc
import Testing

/// The cmdlets on virtual switches and port mappings, on a store of their own; no switch runs.
@Suite struct VMSwitchCmdletTests {
    let context = TestContext()

    private func make(_ name: String, _ kind: String, _ more: RawArgument...) throws {
        _ = try Pipeline.run(
            [CommandCall("New-VMSwitch", [.word(name), .named("SwitchType", .string(kind))] + more)], context: context)
    }

    private func property(_ name: String, of value: Value) throws -> String { try PropertyReader.property(name, of: value)?.text ?? "none" }

    @Test func switchesAreMadeFoundRenamedAndRemoved() throws {
        try make("inside", "Private", .named("Notes", .string("quiet")))
        try make("lan", "nat", .named("NatSubnet", .string("192.168.50.0/24")))
        let found = try context.call("Get-VMSwitch", .word("INSIDE"))
        #expect(found.shape == .one)
        #expect(try property("SwitchType", of: found.value) == "Private")
        #expect(try property("Notes", of: found.value) == "quiet")
        #expect(try context.call("Get-VMSwitch").values.map(\.text) == ["inside", "lan"])
        #expect(try context.call("Get-VMSwitch", .named("SwitchType", .string("NAT"))).values.map(\.text) == ["lan"])
        #expect(try context.call("Get-VMSwitch", .named("Id", .string(try property("Id", of: found.value)))).value.text == "inside")
        #expect(try context.shown(CommandCall("Get-VMSwitch")).hasPrefix("Name   SwitchType"))
        _ = try context.call("Set-VMSwitch", .word("inside"), .named("Notes", .string("")))
        _ = try context.call("Rename-VMSwitch", .word("inside"), .word("lab"))
        #expect(try property("Notes", of: found.value) == "")
        #expect(try property("Name", of: found.value) == "lab")
        #expect(context.failure { _ = try context.call("Remove-VMSwitch", .word("lab")) }?.identifier == "ConfirmationRequired")
        _ = try Pipeline.run(
            [CommandCall("Get-VMSwitch", [.word("la*")]), CommandCall("Remove-VMSwitch", [.flag("Force")])], context: context)
        #expect(try context.call("Get-VMSwitch").values.isEmpty)
        #expect(try property("IsDeleted", of: found.value) == "True" || property("IsDeleted", of: found.value) == "true")
    }

    /// One rule for the names of all things: what was no UTF-8 is no name.
    @Test(arguments: ["lan\u{fffd}", "lan\u{7}", "  "])
    func whatIsNoNameIsNoNameOfAnything(_ name: String) throws {
        try make("inside", "Internal")
        _ = try context.call("New-VM", .word("web01"), .flag("NoVHD"))
        let word = RawArgument.positional(.string(name))
        func identifier(_ cmdlet: String, _ arguments: RawArgument...) -> String? {
            context.failure { _ = try Pipeline.run([CommandCall(cmdlet, arguments)], context: context) }?.identifier
        }
        #expect(identifier("New-VMSwitch", word, .named("SwitchType", .string("Private"))) == "SwitchNameInvalid")
        #expect(identifier("Rename-VMSwitch", .word("inside"), word) == "SwitchNameInvalid")
        #expect(identifier("New-VM", word) == "VMNameInvalid")
        #expect(identifier("Checkpoint-VM", .word("web01"), word) == "CheckpointNameInvalid")
        #expect(identifier("Add-VMNetworkAdapter", .word("web01"), .named("Name", .string(name))) == "AdapterNameInvalid")
        #expect(identifier("New-VMGroup", word, .word("VMCollectionType")) == "GroupNameInvalid")
        #expect(identifier("New-VMResourcePool", word, .word("Memory")) == "ResourcePoolInvalid")
    }

    @Test func aSwitchBecomesANATSwitchOnlyWithANetwork() throws {
        try make("inside", "Private")
        let missing = context.failure { _ = try context.call("Set-VMSwitch", .word("inside"), .named("SwitchType", .string("NAT"))) }
        #expect(missing?.identifier == "NatSubnetMissing")
        #expect(missing?.recommendedAction?.contains("-NatSubnet") == true)
        #expect(try property("SwitchType", of: try context.call("Get-VMSwitch", .word("inside")).value) == "Private")
        _ = try context.call(
            "Set-VMSwitch", .word("inside"), .named("SwitchType", .string("NAT")), .named("NatSubnet", .string("192.168.7.0/24")))
        #expect(try property("SwitchType", of: try context.call("Get-VMSwitch", .word("inside")).value) == "NAT")
    }

    @Test func badInputIsRefusedAndChangesNothing() throws {
        try make("lan", "NAT")
        #expect(context.failure { try make("LAN", "Private") }?.identifier == "SwitchNameExists")
        #expect(context.failure { try make("a*", "Private") }?.identifier == "SwitchNameInvalid")
        #expect(context.failure { try make("b", "NAT", .named("NatSubnet", .string("10.0.0.1/24"))) }?.identifier == "NatSubnetInvalid")
        #expect(
            context.failure { try make("c", "Private", .named("NatSubnet", .string("10.0.0.0/24"))) }?.identifier == "ParameterConflict")
        let missing = context.failure { _ = try context.call("Get-VMSwitch", .word("lam")) }
        #expect(missing?.identifier == "SwitchNotFound")
        #expect(missing?.recommendedAction?.contains("lan") == true)
        let external = context.failure { _ = try context.call("New-VMSwitch", .word("x"), .named("NetAdapterName", .string("nothing0"))) }
        #expect(external?.identifier == "NetAdapterNotFound")
        #expect(
            context.failure { _ = try context.call("Set-VMSwitch", .word("lan"), .named("NatSubnet", .string("nonsense"))) }?.identifier
                == "NatSubnetInvalid")
        #expect(try context.call("Get-VMSwitch").values.map(\.text) == ["lan"])
        #expect(try property("NatSubnet", of: context.call("Get-VMSwitch", .word("lan")).value) == "192.168.100.0/24")
    }

    private func add(_ name: String, _ external: Int64, _ target: String) throws -> Value {
        try context.call(
            "Add-NetNatStaticMapping", .word(name), .named("Protocol", .string("tcp")), .named("ExternalIPAddress", .string("127.0.0.1")),
            .named("ExternalPort", .integer(external)), .named("InternalIPAddress", .string(target)), .named("InternalPort", .integer(22))
        ).value
    }

    @Test func portsAreMappedAndClosed() throws {
        try make("lan", "NAT", .named("NatSubnet", .string("192.168.50.0/24")))
        try make("other", "NAT", .named("NatSubnet", .string("192.168.51.0/24")))
        try make("inside", "Private")
        #expect(try property("StaticMappingID", of: add("lan", 2222, "192.168.50.15")) == "0")
        #expect(try property("StaticMappingID", of: add("other", 2223, "192.168.51.15")) == "1")
        #expect(context.failure { _ = try add("lan", 2222, "192.168.50.16") }?.identifier == "MappingExists")
        #expect(context.failure { _ = try add("lan", 2224, "192.168.51.16") }?.identifier == "MappingInvalid")
        #expect(context.failure { _ = try add("inside", 2224, "192.168.51.16") }?.identifier == "SwitchNotNat")
        let mappings = try context.call("Get-NetNatStaticMapping")
        #expect(mappings.values.count == 2)
        #expect(try property("Active", of: mappings.values[0]).lowercased() == "false")
        #expect(try context.call("Get-NetNatStaticMapping", .named("NatName", .string("l*"))).values.count == 1)
        #expect(context.failure { _ = try context.call("Remove-NetNatStaticMapping") }?.identifier == "ParameterMissing")
        _ = try context.call("Remove-NetNatStaticMapping", .named("StaticMappingID", .integer(0)))
        _ = try Pipeline.run([CommandCall("Get-NetNatStaticMapping"), CommandCall("Remove-NetNatStaticMapping")], context: context)
        #expect(try context.call("Get-NetNatStaticMapping").values.isEmpty)
    }
}

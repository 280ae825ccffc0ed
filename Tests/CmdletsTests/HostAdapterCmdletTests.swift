import Cmdlets
import Glibc
import Testing

/// The host's own adapters on switches; they need the privilege over the host's network, and no switch runs.
@Suite(.enabled(if: geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0, "needs the right to make TAP devices"))
struct HostAdapterCmdletTests {
    let context = TestContext()

    private func run(_ name: String, _ arguments: RawArgument...) throws -> PipelineResult {
        try Pipeline.run([CommandCall(name, arguments)], context: context)
    }

    private func property(_ name: String, of value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    private func names() throws -> [String] { try run("Get-VMNetworkAdapter", .flag("ManagementOS")).values.map(\.text) }

    @Test func anInternalSwitchHasOneAndMoreAreAdded() throws {
        _ = try run("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Internal")))
        _ = try run("New-VMSwitch", .word("lab"), .named("SwitchType", .string("NAT")))
        #expect(try names() == ["inside"])
        let added = try run(
            "Add-VMNetworkAdapter", .flag("ManagementOS"), .named("Name", .string("storage")), .named("SwitchName", .string("inside")),
            .flag("Passthru")
        ).value
        #expect(try property("IsManagementOs", of: added).booleanValue == true)
        #expect(try property("SwitchName", of: added).text == "inside")
        #expect(try property("HostInterface", of: added).text.hasPrefix("lv"))
        _ = try run(
            "Add-VMNetworkAdapter", .flag("ManagementOS"), .named("Name", .string("outside")), .named("SwitchName", .string("lab")))
        #expect(try names() == ["inside", "storage", "outside"])
        #expect(
            try run("Get-VMNetworkAdapter", .flag("ManagementOS"), .named("SwitchName", .string("lab"))).values.map(\.text) == ["outside"])
        _ = try run(
            "Rename-VMNetworkAdapter", .flag("ManagementOS"), .named("Name", .string("storage")), .named("NewName", .string("backup")))
        #expect(try names() == ["inside", "backup", "outside"])
        _ = try run("Remove-VMNetworkAdapter", .flag("ManagementOS"), .named("Name", .string("backup")))
        #expect(try names() == ["inside", "outside"])
        #expect(try property("IsDeleted", of: added).booleanValue == true)
        _ = try run("Remove-VMNetworkAdapter", .flag("ManagementOS"), .named("Name", .string("inside")))
        #expect(try property("AllowManagementOS", of: run("Get-VMSwitch", .word("inside")).value).booleanValue == false)
    }

    @Test func theirVLANsAreSetAndShown() throws {
        _ = try run("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Internal")))
        _ = try run(
            "Set-VMNetworkAdapterVlan", .flag("ManagementOS"), .named("VMNetworkAdapterName", .string("inside")), .flag("Access"),
            .named("VlanId", .integer(100)))
        let setting = try run("Get-VMNetworkAdapterVlan", .flag("ManagementOS")).values
        #expect(setting.count == 1)
        #expect(try property("AccessVlanId", of: setting[0]).integerValue == 100)
        #expect(try property("OperationMode", of: setting[0]).text == "Access")
        #expect(try property("ParentAdapter", of: setting[0]).text == "inside")
        let piped = try Pipeline.run(
            [
                CommandCall("Get-VMNetworkAdapter", [.flag("ManagementOS")]),
                CommandCall("Set-VMNetworkAdapterVlan", [.flag("Untagged"), .flag("Passthru")]),
            ], context: context)
        #expect(try property("OperationMode", of: piped.values[0]).text == "Untagged")
        let wrong = context.failure {
            _ = try run("Set-VMNetworkAdapterVlan", .flag("ManagementOS"), .flag("Access"), .named("VlanId", .integer(5000)))
        }
        #expect(wrong?.identifier == "VlanIdOutOfRange")
    }

    @Test func whatCannotBeIsRefused() throws {
        _ = try run("New-VMSwitch", .word("closed"), .named("SwitchType", .string("Private")))
        _ = try run("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Internal")))
        func add(_ name: String, _ target: String?) -> String? {
            context.failure {
                let more: [RawArgument] = target.map { [.named("SwitchName", .string($0))] } ?? []
                _ = try Pipeline.run(
                    [CommandCall("Add-VMNetworkAdapter", [.flag("ManagementOS"), .named("Name", .string(name))] + more)], context: context)
            }?.identifier
        }
        #expect(add("x", "closed") == "SwitchKindInvalid")
        #expect(add("x", nil) == "SwitchMissing")
        #expect(add("Inside", "inside") == "AdapterNameExists")
        let missing = context.failure { _ = try run("Get-VMNetworkAdapter", .flag("ManagementOS"), .named("Name", .string("insde"))) }
        #expect(missing?.identifier == "AdapterNotFound")
        #expect(missing?.message.contains("inside") == true)
        let bandwidth = context.failure {
            _ = try run("Set-VMNetworkAdapter", .flag("ManagementOS"), .named("MaximumBandwidth", .integer(1000)))
        }
        #expect(bandwidth?.identifier == "AdapterOfHost")
        let disconnected = context.failure {
            _ = try Pipeline.run(
                [CommandCall("Get-VMNetworkAdapter", [.flag("ManagementOS")]), CommandCall("Disconnect-VMNetworkAdapter", [])],
                context: context)
        }
        #expect(disconnected != nil)
        #expect(try names() == ["inside"])
    }
}

import Cmdlets
import Testing

/// Groups of machines, on a store of their own.
@Suite struct GroupCmdletTests {
    let context = TestContext()

    private func run(_ name: String, _ arguments: RawArgument...) throws -> PipelineResult {
        try Pipeline.run([CommandCall(name, arguments)], context: context)
    }

    private func property(_ name: String, of value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    private func members(_ group: String) throws -> [String] {
        try property("VMMembers", of: run("Get-VMGroup", .word(group)).value).elements.map(\.text)
    }

    @Test func machinesComeIntoAGroupAndLeaveIt() throws {
        for name in ["web01", "web02", "db01"] { _ = try run("New-VM", .word(name)) }
        let group = try run("New-VMGroup", .word("front"), .word("VMCollectionType")).value
        #expect(try property("GroupType", of: group).text == "VMCollectionType")
        _ = try run("Add-VMGroupMember", .word("FRONT"), .named("VM", try run("Get-VM", .word("web*")).value))
        #expect(try members("front") == ["web01", "web02"])
        // Twice is once.
        _ = try run("Add-VMGroupMember", .word("front"), .named("VM", .string("web01")))
        #expect(try members("front") == ["web01", "web02"])
        let machine = try run("Get-VM", .word("web01")).value
        #expect(try property("Groups", of: machine).elements.map(\.text) == ["front"])
        #expect(try property("Groups", of: run("Get-VM", .word("db01")).value).elements.isEmpty)
        _ = try run("Remove-VMGroupMember", .word("front"), .named("VM", .string("web01")))
        #expect(try members("front") == ["web02"])
        _ = try run("Remove-VM", .word("web02"), .flag("Force"))
        #expect(try members("front").isEmpty, "a machine that is gone is no member")
    }

    @Test func aGroupOfGroupsHoldsGroupsOnly() throws {
        _ = try run("New-VM", .word("web01"))
        let front = try run("New-VMGroup", .word("front"), .word("VMCollectionType")).value
        let site = try run("New-VMGroup", .word("site"), .word("ManagementCollectionType")).value
        _ = try run("Add-VMGroupMember", .word("site"), .named("VMGroupMember", front))
        #expect(try property("VMGroupMembers", of: site).elements.map(\.text) == ["front"])
        let wrong = context.failure { _ = try run("Add-VMGroupMember", .word("site"), .named("VM", .string("web01"))) }
        #expect(wrong?.identifier == "GroupKindInvalid")
        let nested = context.failure { _ = try run("Add-VMGroupMember", .word("site"), .named("VMGroupMember", site)) }
        #expect(nested?.identifier == "GroupKindInvalid")
        _ = try run("Remove-VMGroup", .word("front"), .flag("Force"))
        #expect(try property("VMGroupMembers", of: site).elements.isEmpty)
        #expect(try property("IsDeleted", of: front).booleanValue == true)
    }

    @Test func namesAreFoundChangedAndRefused() throws {
        _ = try run("New-VMGroup", .word("front"), .word("VMCollectionType"))
        _ = try run("New-VMGroup", .word("back"), .word("VMCollectionType"))
        #expect(try run("Get-VMGroup").values.map(\.text) == ["back", "front"])
        #expect(try run("Get-VMGroup", .word("f*")).values.map(\.text) == ["front"])
        #expect(context.failure { _ = try run("New-VMGroup", .word("Front"), .word("VMCollectionType")) }?.identifier == "GroupNameExists")
        #expect(context.failure { _ = try run("New-VMGroup", .word("a*"), .word("VMCollectionType")) }?.identifier == "GroupNameInvalid")
        let missing = context.failure { _ = try run("Get-VMGroup", .word("frond")) }
        #expect(missing?.identifier == "GroupNotFound")
        #expect(missing?.recommendedAction?.contains("front") == true)
        let renamed = try run("Rename-VMGroup", .word("front"), .word("web"), .flag("Passthru")).value
        #expect(renamed.text == "web")
        #expect(context.failure { _ = try run("Rename-VMGroup", .word("web"), .word("BACK")) }?.identifier == "GroupNameExists")
        #expect(context.failure { _ = try run("Remove-VMGroup", .word("web")) }?.identifier == "ConfirmationRequired")
        #expect(try run("Get-VMGroup").values.map(\.text) == ["back", "web"])
    }
}

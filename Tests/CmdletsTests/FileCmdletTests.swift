import Cmdlets
import Glibc
import Testing

@Suite struct FileCmdletTests {
    let context = TestContext()
    let path = "/tmp/lunavisor-content-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"

    @Test func whatIsWrittenIsRead() throws {
        defer { unlink(path) }
        _ = try context.call("Set-Content", .word(path), input: .many([.string("a"), .integer(2)]))
        _ = try context.call("Add-Content", .word(path), .word("c"))
        #expect(try context.call("Get-Content", .word(path)).values.map(\.text) == ["a", "2", "c"])
        #expect(try context.call("Get-Content", .word(path), .named("Tail", .integer(1))).values.map(\.text) == ["c"])
        _ = try context.call("Out-File", .word(path), input: .many([.thing("x", 1)]))
        #expect(try context.call("Get-Content", .word(path), .flag("Raw")).value.text == "Name Number\n---- ------\nx         1\n\n")
        #expect(
            context.failure { _ = try context.call("Out-File", .word(path), .flag("NoClobber"), input: .many([])) }?.category
                == .resourceExists)
        #expect(try context.call("Test-Path", .word(path)).value.booleanValue == true)
        #expect(try context.call("Test-Path", .word(path), .named("PathType", .string("Container"))).value.booleanValue == false)
    }

    @Test func pathsAreJoinedAndSplit() throws {
        #expect(try context.call("Join-Path", .word("/srv/"), .word("/vm")).value.text == "/srv/vm")
        #expect(try context.call("Split-Path", .word("/srv/vm")).value.text == "/srv")
        #expect(try context.call("Split-Path", .word("/srv/vm/"), .flag("Leaf")).value.text == "vm")
        #expect(context.failure { _ = try context.call("Get-Content", .word("/nonexistent/x")) }?.category == .objectNotFound)
    }
}

import Cmdlets
import Foundation
import Testing

/// Start-VMTrace and Stop-VMTrace: each level writes what the ones before it do.
@Suite struct TraceCmdletTests {
    let context = TestContext()
    private var path: String { "\(context.host.storePath)-trace.log" }

    /// What a few calls write at a level.
    private func traced(_ level: String, _ more: RawArgument...) throws -> String {
        _ = try context.call("New-VM", .word("web01"))
        _ = try Pipeline.run(
            [CommandCall("Start-VMTrace", [.word(level), .named("Path", .string(path))] + more)], context: context)
        _ = try context.call("Get-VM", .word("web*"))
        _ = try context.call("Stop-VM", .word("nothing*"))
        _ = context.failure { _ = try context.call("Get-VM", .word("db01")) }
        #expect(try context.call("Stop-VMTrace").value.text == path)
        _ = try context.call("Get-VM", .word("web01"))
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasSuffix("[Trace] The trace ends\n"))
        return text
    }

    @Test func errorsOnly() throws {
        let text = try traced("Error")
        #expect(text.contains("[Error] Get-VM: VMNotFound"))
        #expect(!text.contains("[Warning]") && !text.contains("[Info]"))
    }

    @Test func warningsAndCalls() throws {
        let text = try traced("Info")
        #expect(text.contains("[Warning] Stop-VM: Stop-VM: no virtual machine matches"))
        #expect(text.contains("[Info] Get-VM: done after "))
        #expect(!text.contains("web*") && !text.contains("[Verbose]"))
    }

    @Test func everything() throws {
        let text = try traced("Verbose", .flag("TraceVerboseObjects"))
        #expect(text.contains("[Info] Get-VM web*: began"))
        #expect(text.contains("[Verbose] result {") && text.contains("\"Name\":\"web01\""))
        for line in text.split(separator: "\n") { #expect(line.contains("Z [")) }
    }

    @Test func oneAtATime() throws {
        _ = try context.call("Start-VMTrace", .word("Error"), .named("Path", .string(path)))
        let second = context.failure { _ = try context.call("Start-VMTrace", .word("Error"), .named("Path", .string(path + "2"))) }
        #expect(second?.identifier == "TraceRunning")
        _ = try context.call("Stop-VMTrace")
        #expect(context.failure { _ = try context.call("Stop-VMTrace") }?.identifier == "TraceNotRunning")
        #expect(
            context.failure { _ = try context.call("Start-VMTrace", .word("Error"), .named("Path", .string("/nonexistent/x"))) }?.category
                == .objectNotFound)
        #expect(context.failure { _ = try context.call("Start-VMTrace", .word("Loud")) }?.message.contains("Verbose") == true)
    }
}

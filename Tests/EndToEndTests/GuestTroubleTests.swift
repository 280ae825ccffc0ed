import TestSupport
import Testing

/// Guests that cannot go on.
@Suite("Guests in trouble", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct GuestTroubleTests {
    @Test("a guest that goes on triple-faulting is turned off, and its events say so")
    func tripleFault() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .tripleFaulting)
        #expect(try shell.command("Start-VM a; Wait-VM a -For Off -Timeout 20").status == 0)
        let messages = try shell.value(
            "#(Get-VMEvent a | ? Kind -eq TripleFault), (Get-VMEvent a | ? Kind -eq TripleFault | Select-Object -Last 1).Message")
        #expect(messages.hasPrefix("3\t") && messages.contains("triple fault") && messages.contains("turned off"), "\(messages)")
        #expect(try shell.value("(Get-VM a).State") == "Off")
    }

    @Test("a guest that halts with interrupts off costs nothing, is reported and can be turned off")
    func deadlyHalt() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .halting)
        #expect(try shell.command("Start-VM a").status == 0)
        #expect(try Deadline.reached(within: 10) { try shell.command("Get-VMEvent a").output.contains("halted with interrupts off") })
        #expect(try shell.value("(Get-VM a).State") == "Running")
        let before = try shell.value("(Get-VirtualProcessor a).InstructionsRetired")
        #expect(try shell.value("(Get-VirtualProcessor a).InstructionsRetired") == before)
        #expect(try shell.command("Stop-VM a -TurnOff -Force").status == 0)
    }

    @Test("what a guest wrote is there when it is off, its control characters escaped")
    func console() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .saying("hello \u{1b}]0;title\u{7}\n"))
        #expect(try shell.command("Start-VM a; Wait-VM a -For Console -Pattern hello -Timeout 20; Stop-VM a -TurnOff -Force").status == 0)
        let text = try shell.value("(Receive-VMConsole a -Tail 1)")
        #expect(text.contains("hello"), "\(text)")
        let event = try shell.command("Wait-VM a -For Console -Pattern 'not said' -Timeout 1")
        #expect(event.status == 1)
    }
}

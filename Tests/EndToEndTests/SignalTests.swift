import Foundation
import TestSupport
import Testing

/// Ctrl-C, SIGTERM and closed pipes (language.md, "Display and exit").
@Suite("Signals", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct SignalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var program: String
        var signal: Int32
        var code: Int32
        var testDescription: String { "\(program) signal \(signal)" }
    }

    static let cases = [
        Case(program: "while true do end", signal: SIGINT, code: 130),
        Case(program: "while true do pcall(function() while true do end end) end", signal: SIGINT, code: 130),
        Case(program: "while true do pcall(error, 'x') end", signal: SIGINT, code: 130),
        Case(program: "while true do xpcall(function() while true do end end, function(e) return e end) end", signal: SIGINT, code: 130),
        Case(program: "while true do try(function() while true do end end, function(e) end) end", signal: SIGINT, code: 130),
        Case(
            program: "local co = coroutine.wrap(function() while true do end end); while true do pcall(co) end", signal: SIGINT, code: 130),
        Case(program: "Start-Sleep 1000", signal: SIGINT, code: 130),
        Case(program: "pcall(function() Wait-VM a -For Off -Timeout 1000 end); while true do end", signal: SIGINT, code: 130),
        Case(program: "Receive-VMConsole a -Follow", signal: SIGINT, code: 130),
        Case(program: "while true do end", signal: SIGTERM, code: 143),
        Case(program: "while true do pcall(function() while true do end end) end", signal: SIGTERM, code: 143),
        Case(program: "Start-Sleep 1000", signal: SIGTERM, code: 143),
        Case(program: "Wait-VM a -For Off -Timeout 1000", signal: SIGTERM, code: 143),
    ]

    @Test("a program that would run for ever ends at once, with the signal's code")
    func ends() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .saying("x"))
        #expect(try shell.command("Start-VM a").status == 0)
        let runs = try Self.cases.map { ($0, try shell.begin(["-c", "print('ready')\nio.stdout:flush()\n" + $0.program])) }
        for (one, run) in runs {
            #expect(Deadline.reached(within: 20) { run.output.contains("ready") }, "\(one)")
            run.process.signal(one.signal)
            let end = run.end(within: 10)
            #expect(end.ending == .exited(one.code), "\(one) \(end.errors)")
        }
        // None of them did anything to the machine.
        #expect(try shell.value("(Get-VM a).State") == "Running")
    }

    /// No hook runs in these: an endless finalizer, an endless pattern match, a finalizer when the interpreter closes.
    static let unstoppable = [
        "setmetatable({}, {__gc = function() while true do end end}) collectgarbage()",
        "string.find(string.rep('a', 50000), string.rep('.-', 40) .. 'b')",
        "setmetatable({}, {__gc = function() while true do end end})",
    ]

    @Test("A script that cannot be stopped is ended: by SIGTERM, and by a second Ctrl-C", arguments: [SIGTERM, SIGINT])
    func endsWhatCannotBeStopped(signal: Int32) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let runs = try Self.unstoppable.map { ($0, try shell.begin(["-c", "print('ready')\nio.stdout:flush()\n" + $0])) }
        for (program, run) in runs {
            #expect(Deadline.reached(within: 20) { run.output.contains("ready") }, "\(program)")
            run.process.signal(signal)
            if signal == SIGINT {
                // Early ones do not count, so it is asked again and again.
                for _ in 0..<40 where !Deadline.reached(within: 0.5, { run.errors.contains("did not stop") }) { run.process.signal(SIGINT) }
            }
            let end = run.end(within: 30)
            #expect(end.ending == .exited(128 + signal), "\(program) \(end.errors)")
            #expect(end.errors.contains("The script did not stop at an instruction; ended."), "\(program) \(end.errors)")
        }
    }

    @Test("--restricted ends one call of a library function that goes on for ever")
    func restrictedStall() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let outcome = try shell.run(["--restricted", "-c", Self.unstoppable[1]])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("a limit of restricted mode"), "\(outcome.errors)")
    }

    @Test("a closed output pipe ends a run with 141, quietly", arguments: ["while true do print('x') end", "while true do Get-VM end"])
    func closedPipe(program: String) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .counting)
        let script = "\"$0\" --store \"$1\" -c \"$2\" | head -n 3 >/dev/null; printf '%s' \"${PIPESTATUS[0]}\""
        let outcome = try ForeignProgram.run(
            "/bin/bash", ["-c", script, try #require(BuiltShell.executable), shell.store.path, program])
        #expect(outcome.output == "141")
        #expect(outcome.errors == "")
    }
}

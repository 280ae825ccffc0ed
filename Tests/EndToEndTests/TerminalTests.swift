import Foundation
import TestSupport
import Testing

/// The REPL as a user has it: on a terminal.
@Suite("At a terminal", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct TerminalTests {
    private typealias Key = PseudoTerminal

    /// Types a line and expects a text in the answer.
    private func say(_ terminal: PseudoTerminal, _ line: String, _ answer: String, _ comment: String = "") {
        terminal.type(line + Key.enter)
        // The echo comes first; the answer stands behind the line's end.
        #expect(terminal.sees("\n" + answer), "\(line) \(comment)\n\(terminal.transcript)")
    }

    /// Ctrl-D, once the prompt is there: before it the terminal is not in the editor's mode.
    private func leave(_ terminal: PseudoTerminal) {
        say(terminal, "'the' .. 'end'", "theend")
        #expect(terminal.sees("> "))
        terminal.type(Key.controlD)
        #expect(terminal.ending() == .exited(0), "\(terminal.transcript)")
    }

    @Test("banner, values, top-level locals, several lines, errors, exit")
    func lines() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try shell.terminal()
        #expect(terminal.sees("Lunavisor 0."))
        #expect(terminal.sees(shell.store.path))
        #expect(terminal.sees("> "))
        say(terminal, "1 + 1", "2")
        say(terminal, "local kept = 40", "")
        say(terminal, "kept + 2", "42")
        terminal.type("for i = 1, 2 do" + Key.enter + "print('round', i)" + Key.enter + "end" + Key.enter)
        #expect(terminal.sees("\nround\t1") || terminal.sees("\nround   1"), "\(terminal.transcript)")
        say(terminal, "error('as told')", "repl:1: as told")
        say(terminal, "nothere.x", "repl:1: ")
        say(terminal, "kept", "40")
        terminal.type("exit 3" + Key.enter)
        #expect(terminal.ending() == .exited(3))
    }

    @Test("a profile script runs before the first prompt; one that fails is told of, and the REPL opens")
    func profile() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = shell.store.appendingPathComponent("test-files/config/lunavisor")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("profile.lua")
        try "local mine = 40\nfunction twice(x) return 2 * x end\n".write(to: file, atomically: true, encoding: .utf8)
        let good = try shell.terminal()
        #expect(good.sees("> "))
        say(good, "twice(mine)", "80")
        leave(good)
        for (program, message) in [
            ("local kept = 7\nGet-VM nosuch -ErrorAction Stop\n", "profile.lua:2: There is no VM"), ("x = = 1", "profile.lua:1: "),
        ] {
            try program.write(to: file, atomically: true, encoding: .utf8)
            let terminal = try shell.terminal()
            #expect(terminal.sees(message), "\(terminal.transcript)")
            #expect(terminal.sees("The profile script did not run to its end."), "\(terminal.transcript)")
            #expect(terminal.sees("> "))
            leave(terminal)
        }
        let without = try shell.terminal(["--no-profile"])
        #expect(without.sees("> "))
        leave(without)
        #expect(!without.transcript.contains("profile"), "\(without.transcript)")
    }

    @Test("Tab completes a cmdlet, a parameter and a VM's name, and lists what is ambiguous")
    func completion() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        #expect(try shell.command("New-VM somewhere -NoVHD; New-VM other -NoVHD").status == 0)
        let terminal = try shell.terminal()
        #expect(terminal.sees("> "))
        terminal.type("Set-VMP" + Key.tab + "some" + Key.tab + "-Cou" + Key.tab + "3" + Key.enter)
        #expect(terminal.sees("> "), "\(terminal.transcript)")
        say(terminal, "(Get-VM somewhere).ProcessorCount", "3")
        terminal.type("Get-VMCo" + Key.tab + "oth" + Key.tab + Key.enter)
        #expect(terminal.sees("COM 1"), "\(terminal.transcript)")
        terminal.type("Get-VM" + Key.tab + Key.tab)
        #expect(terminal.sees("Get-VMProcessor"), "\(terminal.transcript)")
        #expect(terminal.sees("> Get-VM"))
        terminal.type(Key.controlC)
        #expect(terminal.sees("^C\n"))
        leave(terminal)
    }

    @Test("history is kept between runs")
    func history() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let first = try shell.terminal()
        #expect(first.sees("> "))
        say(first, "20 + 3", "23")
        leave(first)
        let second = try shell.terminal()
        #expect(second.sees("> "))
        // The last line is that of leave(), the one before it the first.
        second.type(Key.up + Key.up + Key.enter)
        #expect(second.sees("\n23"), "\(second.transcript)")
        say(second, "history", "1  20 + 3")
        leave(second)
    }

    @Test("Ctrl-C clears the line and the lines before it, stops a program, and leaves the shell alive")
    func interrupts() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try shell.terminal()
        #expect(terminal.sees("> "))
        terminal.type("this is no program")
        #expect(terminal.sees("program"))
        terminal.type(Key.controlC)
        #expect(terminal.sees("^C\n"), "\(terminal.transcript)")
        #expect(terminal.sees("> "))
        say(terminal, "2 + 3", "5")
        terminal.type("for i = 1, 2 do" + Key.enter + "print('never')")
        #expect(terminal.sees("never"))
        terminal.type(Key.controlC)
        #expect(terminal.sees("^C\n"))
        say(terminal, "3 + 4", "7")
        for program in ["while true do end", "while true do pcall(function() while true do end end) end", "Start-Sleep 1000"] {
            terminal.type("print('be' .. 'gun') " + program + Key.enter)
            #expect(terminal.sees("\nbegun"), "\(terminal.transcript)")
            terminal.type(Key.controlC)
            #expect(terminal.sees("Stopped."), "\(terminal.transcript)")
        }
        say(terminal, "4 + 5", "9")
        leave(terminal)
    }

    @Test("a cmdlet that asks takes [Y], [A], [N], [L] and [?]")
    func confirmation() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        #expect(try shell.command("for i = 1, 6 do New-VM -Name ('m' .. i) -NoVHD | Out-Null end").status == 0)
        let terminal = try shell.terminal()
        #expect(terminal.sees("> "))
        func ask(_ line: String) {
            terminal.type(line + Key.enter)
            #expect(
                terminal.sees("[Y]") && terminal.sees("[A]") && terminal.sees("[N]") && terminal.sees("[L]") && terminal.sees("[?]"),
                "\(terminal.transcript)")
        }
        func count(_ number: Int) throws { #expect(try shell.value("#(Get-VM)") == "\(number)") }
        ask("Remove-VM m1")
        terminal.type("?" + Key.enter)
        #expect(terminal.sees("[?]"), "\(terminal.transcript)")
        terminal.type("n" + Key.enter)
        #expect(terminal.sees("> "))
        try count(6)
        ask("Remove-VM m1")
        terminal.type("y" + Key.enter)
        #expect(terminal.sees("> "))
        try count(5)
        ask("Remove-VM m2, m3")
        terminal.type("l" + Key.enter)
        #expect(terminal.sees("> "))
        try count(5)
        ask("Remove-VM m2, m3")
        terminal.type("a" + Key.enter)
        #expect(terminal.sees("> "))
        try count(3)
        // Ctrl-C at the question changes nothing.
        ask("Remove-VM m4")
        terminal.type(Key.controlC)
        #expect(terminal.sees("> "))
        try count(3)
        leave(terminal)
    }

    @Test("Connect-VMConsole shows the guest, Ctrl-] detaches")
    func console() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .saying("here I am\n"))
        #expect(try shell.command("Start-VM a; Wait-VM a -For Console -Pattern here -Timeout 20").status == 0)
        let terminal = try shell.terminal()
        #expect(terminal.sees("> "))
        terminal.type("Connect-VMConsole a" + Key.enter)
        #expect(terminal.sees("here I am"), "\(terminal.transcript)")
        terminal.type(Key.detach)
        #expect(terminal.sees("> "), "\(terminal.transcript)")
        say(terminal, "5 + 6", "11", "the terminal is as it was")
        leave(terminal)
        #expect(try shell.value("(Get-VM a).State") == "Running")
    }

    @Test(
        "a command typed at the guest's console is answered",
        .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
    func guestConsole() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let guest = try #require(BuiltShell.guest)
        let terminal = try shell.terminal()
        #expect(terminal.sees("> "))
        terminal.type(
            "local vm = New-VM g -NoVHD -MemoryStartupBytes 128MB -KernelPath \(guest)/vmlinuz -InitialRamdiskPath \(guest)/initrd.img"
                + " -KernelArguments 'console=ttyS0 quiet cryptomgr.notests'" + Key.enter)
        #expect(terminal.sees("> "))
        terminal.type("Start-VM g" + Key.enter)
        #expect(terminal.sees("> "))
        terminal.type("Connect-VMConsole g" + Key.enter)
        #expect(terminal.sees("guest# ", within: 100), "\(terminal.transcript)")
        terminal.type("echo answer-$((6 * 7))" + Key.enter)
        #expect(terminal.sees("answer-42", within: 30), "\(terminal.transcript)")
        terminal.type(Key.detach)
        #expect(terminal.sees("> "))
        say(terminal, "vm.State", "Running")
        terminal.type("Stop-VM g -TurnOff -Force" + Key.enter)
        #expect(terminal.sees("> "))
        say(terminal, "vm.State", "Off")
        leave(terminal)
    }
}

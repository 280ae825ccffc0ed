import Foundation
import TestSupport
import Testing

/// What the REPL's line can do, on a terminal.
@Suite("Editing at a terminal", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct LineEditingTests {
    private typealias Key = PseudoTerminal

    private func open(
        _ shell: BuiltShell, environment: [String: String] = [:], kind: String = "xterm"
    ) throws -> PseudoTerminal {
        let terminal = try shell.terminal(environment: environment, kind: kind)
        #expect(terminal.sees("> "), "\(terminal.transcript)")
        return terminal
    }

    private func expect(_ terminal: PseudoTerminal, _ text: String, _ comment: String = "") {
        #expect(terminal.sees(text), "\(comment) \(text)\n\(terminal.transcript)")
    }

    @Test("the prompt names a store that is not the usual one")
    func prompt() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try shell.terminal()
        expect(terminal, shell.store.lastPathComponent.suffix(12) + "> ")
    }

    @Test("Tab lists what is left to choose with a line about each, in a width that fits")
    func descriptions() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try open(shell)
        terminal.type("Checkpoint-VM -Snap" + Key.tab + "one -\t\t")
        expect(terminal, "-SnapshotName one")
        expect(terminal, "-Passthru")
        expect(terminal, "> Checkpoint-VM -SnapshotName one -")
        #expect(!terminal.transcript.contains("\n-SnapshotName "), "a parameter that is given is not offered again")
        terminal.resize(columns: 60, rows: 20)
        terminal.type(Key.controlC)
        expect(terminal, "^C\n")
        expect(terminal, "> ")
        terminal.type("Get-VMNetworkAdapter\t\t")
        expect(terminal, "Get-VMNetworkAdapterVlan")
        expect(terminal, "> Get-VMNetworkAdapter")
        let lines = terminal.transcript.split(separator: "\n").filter { $0.hasPrefix("Get-VMNetworkAdapter") }
        #expect(!lines.isEmpty && lines.allSatisfy { $0.count < 60 }, "\(lines)")
    }

    @Test("a text of several lines is edited as a whole, comes back from the history, and runs as one")
    func severalLines() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try open(shell)
        terminal.type("for i = 1, 2 do\rprint('roumd', i)\r")
        // Up to the second line, to the word in it; one letter is another.
        terminal.type(Key.up + "\u{1b}[F" + String(repeating: "\u{1b}[D", count: 6) + "\u{7f}n")
        terminal.type("\u{1b}[B\u{1b}[F" + "end\r")
        expect(terminal, "\nround\t1\nround\t2\n")
        expect(terminal, "> ")
        terminal.type(Key.up + Key.enter)
        expect(terminal, "\nround\t1\nround\t2\n", "from the history")
        terminal.type("history\r")
        expect(terminal, "1  for i = 1, 2 do\n")
        expect(terminal, "     print('round', i)\n")
    }

    @Test("what a terminal pastes between its marks runs as one, whatever is in it")
    func paste() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try open(shell)
        let script = "local sum = 0\nfor i = 1, 3 do\n\tsum = sum + i\nend\n\nprint('sum', sum)\nprint('second')\n"
        terminal.type("\u{1b}[200~" + script + "\u{1b}[201~")
        expect(terminal, "print('second')")
        #expect(!terminal.transcript.contains("\nsum\t"), "nothing runs before Enter")
        terminal.type(Key.enter)
        expect(terminal, "\nsum\t6\nsecond\n")
        expect(terminal, "> ")
        // One entry of the history.
        terminal.type(Key.up + Key.enter)
        expect(terminal, "\nsum\t6\nsecond\n")
        expect(terminal, "> ")
        let long = "n = 0\n" + String(repeating: "n = n + 1\n", count: 2000) + "print('long', n)"
        terminal.type("\u{1b}[200~" + long + "\u{1b}[201~")
        expect(terminal, "[pasted text 1: 2002 lines]")
        terminal.type(Key.enter)
        expect(terminal, "\nlong\t2000")
    }

    @Test("Ctrl-R finds an entry of the history by a part of it")
    func search() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try open(shell)
        for word in ["needle", "hay", "more hay"] {
            terminal.type("print('\(word)' .. 7)" + Key.enter)
            expect(terminal, "\n\(word)7")
            expect(terminal, "> ")
        }
        // The screen changes letter by letter, so what is found is seen by what it prints.
        terminal.type("\u{12}needle" + Key.enter)
        expect(terminal, "\nneedle7")
    }

    @Test("two shells at once keep both histories")
    func sharedHistory() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let (first, second) = (try open(shell), try open(shell))
        for (terminal, text) in [(first, "'of ' .. 'first'"), (second, "'of ' .. 'second'"), (first, "'again ' .. 'first'")] {
            terminal.type(text + Key.enter)
            expect(terminal, "\n" + (text.contains("second") ? "of second" : text.contains("again") ? "again first" : "of first"))
        }
        for terminal in [first, second] {
            expect(terminal, "> ")
            terminal.type(Key.controlD)
            #expect(terminal.ending() == .exited(0))
        }
        let third = try open(shell)
        third.type("history\r")
        expect(third, "1  'of ' .. 'first'\n2  'of ' .. 'second'\n3  'again ' .. 'first'")
    }

    @Test("Ctrl-Z stops the shell, and fg brings the line back", .enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/bash")))
    func suspend() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try shell.jobControl()
        expect(terminal, "host$ ")
        terminal.type("lunavisor\r")
        expect(terminal, "Ctrl-D leaves.")
        expect(terminal, "> ")
        terminal.type("'kept ' .. ")
        expect(terminal, "'kept ' .. ")
        terminal.type("\u{1a}")
        expect(terminal, "Stopped")
        expect(terminal, "host$ ")
        terminal.type("echo in-$((6 * 7))\r")
        expect(terminal, "in-42")
        terminal.type("fg\r")
        expect(terminal, "> 'kept ' .. ")
        terminal.type("'line'\r")
        expect(terminal, "\nkept line")
        // A program that runs is stopped, too, and goes on.
        terminal.type("print('be' .. 'gun') Start-Sleep 1; print('do' .. 'ne')\r")
        expect(terminal, "\nbegun")
        terminal.type("\u{1a}")
        expect(terminal, "Stopped")
        terminal.type("fg\r")
        expect(terminal, "\ndone")
    }

    @Test("another size of the terminal keeps the line")
    func resize() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try open(shell)
        terminal.type("'one' .. ")
        expect(terminal, "'one' .. ")
        terminal.resize(columns: 50, rows: 12)
        expect(terminal, "> 'one' .. ")
        terminal.type("'two'\r")
        expect(terminal, "\nonetwo")
    }

    @Test("a terminal that can only write gets no escape sequences; TERM=dumb and NO_COLOR have no colours")
    func plain() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let dumb = try open(shell, kind: "dumb")
        dumb.type("Get-Wrong\r")
        expect(dumb, "There is no cmdlet")
        dumb.type("1 + 1\r")
        expect(dumb, "\n2")
        #expect(!dumb.raw.contains(0x1b), "\(String(decoding: dumb.raw, as: UTF8.self).debugDescription)")
        let colourless = try open(shell, environment: ["NO_COLOR": "1"])
        colourless.type("Get-Wrong\r")
        expect(colourless, "There is no cmdlet")
        #expect(!String(decoding: colourless.raw, as: UTF8.self).contains("\u{1b}[31m"))
    }

    @Test("two empty lines end a text that is no program, and show why")
    func givingUp() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let terminal = try open(shell)
        terminal.type("for i = 1, 2 do\r\rprint('after the gap', i)\r\r\r")
        expect(terminal, "'end' expected")
        expect(terminal, "> ")
    }

    @Test("long work shows a bar, a wait shows its time, and both go; none is shown when errors go elsewhere")
    func progress() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("w", running: .counting)
        let disk = shell.store.appendingPathComponent("big").path
        let terminal = try open(shell)
        terminal.type("Start-VM w; Wait-VM w -For Console -Pattern never -Timeout 2\r")
        expect(terminal, "Waiting for w (Console)  0:0")
        expect(terminal, "Wait-VM")
        expect(terminal, "> ")
        terminal.type("New-VHD '\(disk).vhdx' -SizeBytes 64MB -Fixed | Out-Null\r")
        expect(terminal, "> ")
        terminal.type("Convert-VHD '\(disk).vhdx' '\(disk).vhd' -VHDType Fixed\r")
        expect(terminal, "Converting \(disk).vhdx [")
        expect(terminal, " %")
        expect(terminal, "> ")
        terminal.type("'do' .. 'ne'\r")
        expect(terminal, "\ndone")
        let quiet = try shell.command("Convert-VHD '\(disk).vhdx' '\(disk)2.vhd' -VHDType Fixed")
        #expect(quiet.status == 0 && quiet.errors.isEmpty && quiet.output.isEmpty)
    }
}

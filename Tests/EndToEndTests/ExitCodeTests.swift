import TestSupport
import Testing

/// How runs end (language.md, "Display and exit").
@Suite("Exit codes", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct ExitCodeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var input = ""
        var status: Int32
        var says: String = ""
        var testDescription: String { arguments.joined(separator: " ") + input }
    }

    static let cases = [
        Case(arguments: ["-c", "print(1)"], status: 0),
        Case(arguments: [], input: "print(2)\n", status: 0),
        Case(arguments: ["-c", "error('x')"], status: 1, says: "x"),
        Case(arguments: ["-c", "local = 1"], status: 1, says: "local = 1"),
        Case(arguments: ["-c", "os.exit(7)"], status: 7),
        Case(arguments: ["--no-such-option"], status: 2, says: "no-such-option"),
        Case(arguments: ["no-such-file.lua"], status: 1, says: "no-such-file.lua"),
        Case(arguments: ["-c", "Get-VM nothere"], status: 1, says: "nothere"),
        Case(arguments: ["-c", "Get-VMM"], status: 1, says: "Get-VM"),
        Case(arguments: ["-c", "Get-VM -Nmae x"], status: 1, says: "-Name"),
        Case(arguments: ["-c", "local x; Get-VM $x"], status: 1, says: "x"),
        Case(arguments: ["-c", "New-VM -Name 'a*' -NoVHD"], status: 1, says: "a*"),
        Case(arguments: ["-c", "New-VM -Name '../a' -NoVHD"], status: 1, says: "../a"),
        Case(arguments: ["-c", "New-VM -Name '' -NoVHD"], status: 1, says: "Name"),
        Case(arguments: ["-c", "New-VM -Name a -NoVHD; New-VM -Name A -NoVHD"], status: 1, says: "A"),
        Case(arguments: ["-c", "New-VM -Name a -NoVHD -MemoryStartupBytes 1KB"], status: 1, says: "MemoryStartupBytes"),
        Case(arguments: ["-c", "New-VM -Name a -NoVHD; Set-VMProcessor a -Count 99"], status: 1, says: "Count"),
        Case(arguments: ["-c", "New-VM -Name a -NoVHD; Remove-VM a"], status: 1, says: "-Force"),
        Case(arguments: ["-c", "New-VM -Name a -NoVHD -KernelPath /nowhere/vmlinuz; Start-VM a"], status: 1, says: "/nowhere/vmlinuz"),
        Case(arguments: ["-c", "New-VM -Name a -NoVHD -Generation 1; Start-VM a"], status: 1, says: "BIOS"),
        Case(arguments: ["host", "start"], status: 0),
        Case(arguments: ["host", "stop"], status: 0),
        Case(arguments: ["host", "wait"], status: 2, says: "start or stop"),
        Case(arguments: ["-c", "Enable-VMReplication a"], status: 1, says: "Export-VM"),
        Case(arguments: ["test", "no-such-scenario.lua"], status: 1, says: "no-such-scenario.lua"),
    ]

    @Test("a run ends with the code that says how", arguments: cases)
    func ends(one: Case) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let outcome = try shell.run(one.arguments, input: one.input)
        #expect(outcome.status == one.status, "\(outcome.errors)")
        #expect(one.says.isEmpty || (outcome.output + outcome.errors).contains(one.says), "\(outcome.output)\(outcome.errors)")
    }
}

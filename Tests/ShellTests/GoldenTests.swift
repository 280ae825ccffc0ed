import Foundation
import Shell
import Testing

/// What programs show, word for word: views, help and errors. Golden/NAME.txt holds each; with LUNAVISOR_UPDATE_GOLDEN set the files are
/// written anew, to be read before they are committed.
@Suite("Golden", .serialized)
struct GoldenTests {
    private static let setting = """
        for name, size in ("web1 64MB web2 128MB db1 1GB"):gmatch("(%w+) (%d+%wB)") do
            New-VM -Name $name -NoVHD -MemoryStartupBytes $size | Out-Null
        end

        """

    private static let programs: [(name: String, text: String)] = [
        (
            "views",
            "Get-VM\nGet-VMProcessor web1\nGet-VMMemory web*\nGet-VM web1 | Format-List Name, State, ProcessorCount\nGet-VM | Format-Wide -Column 2"
        ),
        (
            "tables",
            "Get-VM | Format-Table Name, @{n='GB'; e={$_.MemoryStartup / 1GB}; FormatString='N2'}, State\nGet-VM | Group-Object State\nGet-VM | Measure-Object MemoryStartup -Sum -Average\nCompare-Object a, b b, c"
        ),
        ("help-topic", "Get-Help about_Jobs"), ("help-cmdlet", "Get-Help Receive-Job -Full"),
        ("help-examples", "Get-Help Where-Object -Examples"),
        (
            "text",
            "Get-VM web* | Select-Object Name, State | ConvertTo-Json\nGet-VM web* | Select-Object Name, State | ConvertTo-Csv\n('one two') | Select-String t\nConvertFrom-Json '{\"a\": [1, {\"b\": null}]}'"
        ),
        (
            "errors",
            [
                "Get-VM wbe1", "Get-VM -Nmae web1", "Get-VM web1 web2", "Gett-VM web1", "Set-VM web1 -DynamicMemory -StaticMemory",
                "Set-VM web1 -AutomaticStopAction Nothing", "Get-VM $wbe",
                "local web = 1; Get-VM $wbe",
                "Get-VM -Name", "Get-VM 'x", "Get-VM | ", "Get-VM | Foo", "print((Get-VM web1).Stat)", "(Get-VM web1).Notes = 'x'",
                "x += 1",
                "foreach ($v in $vms) { }", "try { 1 }", "Get-VM > file", "Get-VM a .. b", "Get-VM | Where-Object Naem -eq x",
                "Remove-VM web1",
                "print(Get-VM web1, 2)", "local l = Get-VM for v in l do end", "local l = (Get-VM); print(l[0])",
                "Get-VM web1 | Stop-VM -TurnOf",
                "Get-VM{}", "({ a = 1 }) | Stop-VM", "ConvertFrom-Json '{\"a\": }'", "New-VM -Name web1 -NoVHD", "Wait-Job 9",
                "Get-Help Strat-VM",
                "cmdlet{ Verb = 'Get', Noun = 'X', Proces = print }",
            ].joined(separator: "\u{1}")
        ),
    ]

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

    @Test("Shown as written down", arguments: programs.indices)
    func shown(_ index: Int) throws {
        let (name, text) = Self.programs[index]
        var shown = ""
        for program in text.split(separator: "\u{1}").map(String.init) {
            let trial = try Trial.run(Self.setting + program)
            if text.contains("\u{1}") { shown += "> \(program)\n" }
            // The setting stands before the program's own first line.
            shown += trial.output + trial.host + trial.error.replacingOccurrences(of: "-c:4:", with: "-c:1:")
        }
        let file = Self.folder.appendingPathComponent(name + ".txt")
        if ProcessInfo.processInfo.environment["LUNAVISOR_UPDATE_GOLDEN"] != nil {
            try shown.write(to: file, atomically: true, encoding: .utf8)
        }
        let expected = try String(contentsOf: file, encoding: .utf8)
        #expect(shown == expected, "\(name): LUNAVISOR_UPDATE_GOLDEN=1 writes it anew")
    }
}

import TestSupport
import Testing

/// The rows of language.md, "For trained hands", whose parts exist: both forms print the same and end with the same code.
@Suite("For trained hands", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct ConformanceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var powerShell: String
        var command: String
        var function: String
        var prints: String
        var testDescription: String { powerShell }
    }

    static let machines = """
        New-VM -Name a -MemoryStartupBytes 64MB -NoVHD | Out-Null
        New-VM -Name web1 -MemoryStartupBytes 64MB -NoVHD | Out-Null
        New-VM -Name web2 -MemoryStartupBytes 128MB -NoVHD | Out-Null

        """

    static let rows = [
        Row(
            powerShell: "if (!(Get-VM x -EA 0)) {…}",
            command: "if not (Get-VM x -EA SilentlyContinue) then print('none') end",
            function: "if not Get-VM(\"x\", {EA=\"SilentlyContinue\"}) then print('none') end", prints: "none\n"),
        Row(
            powerShell: "if (Get-VM | ? Name -eq $n)",
            command: "local n = 'web1'; if (Get-VM | ? Name -eq $n) then print('yes') end",
            function: "local n = 'web1'; if #Get-VM():Where(function(v) return v.Name == n end) > 0 then print('yes') end",
            prints: "yes\n"),
        Row(
            powerShell: "try {…} catch {$_.Exception.Message}",
            command: "try(function() Stop-VM nothere -TurnOff end, function(e) print(e.Message ~= nil, e.Exception == e) end)",
            function: "try(function() Stop_VM('nothere', {TurnOff=true}) end, function(e) print(e.Message ~= nil, e.Exception == e) end)",
            prints: "true\ttrue\n"),
        Row(
            powerShell: "while ((Get-VM a).State -ne 'Off') {sleep 2}",
            command: "while (Get-VM a).State ~= \"Off\" do Start-Sleep 2 end print('off')",
            function: "while Get-VM(\"a\").State ~= \"Off\" do Start-Sleep(2) end print('off')", prints: "off\n"),
        Row(
            powerShell: "Get-VM | ?{$_.State -eq 'Off'} | Remove-VM -Force",
            command: "Get-VM web* | ?{$_.State -eq 'Off'} | Remove-VM -Force; print(#(Get-VM))",
            function: "Remove-VM(Get-VM('web*'):Where(function(v) return v.State == 'Off' end), {Force=true}); print(#Get-VM())",
            prints: "1\n"),
        Row(
            powerShell: "foreach ($v in Get-VM web*) {…}",
            command: "for v in Get-VM web* do print(v.Name) end",
            function: "for _, v in ipairs(Get-VM(\"web*\")) do print(v.Name) end", prints: "web1\nweb2\n"),
        Row(
            powerShell: "New-VM @p; -Name \"web$i\"",
            command: "local p = {Name='c', NoVHD=true}; local i = 9; New-VM @p | Out-Null; New-VM -Name \"web$i\" -NoVHD | Out-Null; "
                + "print((Get-VM c).Name, (Get-VM web9).Name)",
            function: "local p = {Name='c', NoVHD=true}; local i = 9; New-VM(p); New-VM{Name = \"web\"..i, NoVHD = true}; "
                + "print(Get-VM('c').Name, Get-VM('web9').Name)",
            prints: "c\tweb9\n"),
        Row(
            powerShell: "New-VM … | Out-Null",
            command: "New-VM -Name d -NoVHD | Out-Null; print(#(Get-VM d))", function: "New-VM('d', {NoVHD=true}); print(#Get-VM('d'))",
            prints: "1\n"),
        Row(
            powerShell: "$null = New-VM …",
            command: "$null = New-VM -Name b -NoVHD; print((Get-VM b).Generation)",
            function: "New-VM{ Name = 'b', NoVHD = true }; print(Get-VM('b').Generation)", prints: "2\n"),
        Row(
            powerShell: "select Name,@{n='MB';e={$_.MemoryStartup/1MB}}",
            command: "Get-VM web2 | select Name,@{n='MB';e={$_.MemoryStartup//1MB}} | ForEach-Object { print($_.Name, $_.MB) }",
            function:
                "local r = Get-VM('web*'):Where(function(v) return v.Name == 'web2' end)"
                + ":Select('Name', {Name='MB', Expression=function(v) return v.MemoryStartup//1MB end})[1]; print(r.Name, r.MB)",
            prints: "web2\t128\n"),
    ]

    @Test("both forms do the same", arguments: rows)
    func bothForms(row: Row) throws {
        for text in [row.command, row.function] {
            let shell = try #require(try BuiltShell())
            defer { shell.clean() }
            let outcome = try shell.run([], input: Self.machines + text + "\n")
            #expect(outcome.output == row.prints, "\(text)\n\(outcome.errors)")
            #expect(outcome.status == 0)
        }
    }
}

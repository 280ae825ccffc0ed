/// What PowerShell users write, in both of our forms. The help page about_FromPowerShell is made of these rows, and the tests run each in
/// both forms and compare what they print.
public struct FromPowerShell: Sendable {
    public var powerShell: String
    /// The command form; nil: the same as PowerShell.
    public var command: String?
    public var function: String
    /// A value, not a statement.
    public var isExpression: Bool

    private init(_ powerShell: String, _ command: String?, _ function: String, value: Bool = false) {
        (self.powerShell, self.command, self.function, isExpression) = (powerShell, command, function, value)
    }

    /// As it is run.
    public var commandText: String { command ?? powerShell }

    public static let rows: [FromPowerShell] = [
        .init(
            "if (!(Get-VM x -EA 0)) {…}", #"if not (Get-VM x -EA SilentlyContinue) then print "none" end"#,
            #"if not Get-VM("x", {EA="SilentlyContinue"}) then print("none") end"#),
        .init(
            "if (Get-VM | ? Name -eq $n) {…}", #"if (Get-VM | ? Name -eq $n) then print "there" end"#,
            #"if #Get-VM():Where(function(v) return v.Name == n end) > 0 then print("there") end"#),
        .init(
            "try {…} catch {$_.Exception.Message}", "try(function() Stop-VM nix end, function(e) Write-Host $e.Message end)",
            #"try(function() Stop-VM("nix") end, function(e) Write-Host(e.Message) end)"#),
        .init(
            "while ((Get-VM a).State -ne 'Off') {sleep 2}", #"while (Get-VM a).State ~= "Off" do Start-Sleep 2 end"#,
            #"while Get-VM("a").State ~= "Off" do Start-Sleep(2) end"#),
        .init("$vm | Stop-VM -TurnOff -Force", nil, "Stop-VM(vm, {TurnOff=true, Force=true})"),
        .init(
            "Get-VM | ?{$_.State -eq 'Running'} | Stop-VM -Force", nil,
            #"Stop-VM(Get-VM():Where(function(v) return v.State == "Running" end), {Force=true})"#),
        .init(
            "foreach ($v in Get-VM web*) {…}", "for v in Get-VM web* do print(v) end",
            #"for _, v in ipairs(Get-VM("web*")) do print(v) end"#),
        .init("New-VM @p | Out-Null", nil, "New-VM(p)"),
        .init(#"New-VM -Name "web$i" -NoVHD | Out-Null"#, nil, #"New-VM{Name = "web"..i, NoVHD = true}"#),
        .init(
            "(Get-VMNetworkAdapter a).IPAddresses[0]", "(Get-VMNetworkAdapter a).IPAddresses[1]",
            #"Get-VMNetworkAdapter("a").IPAddresses[1]"#,
            value: true),
        .init(
            "Get-VM | select Name,@{n='MB';e={$_.MemoryStartup/1MB}}", nil,
            #"Get-VM():Select("Name", {Name="MB", Expression=function(v) return v.MemoryStartup/1MB end})"#, value: true),
        .init(
            "Get-VMSnapshot a | ? CreationTime -lt (Get-Date).AddDays(-7) | Remove-VMSnapshot", nil,
            #"local week = Get-Date().AddDays(-7); Remove-VMSnapshot(Get-VMSnapshot("a"):Where(function(s) return s.CreationTime < week end))"#
        ),
        .init("$null = New-VM scratch -NoVHD", nil, #"New-VM("scratch", {NoVHD = true})"#),
        .init(
            "Start-Job { (Get-VM $using:n).Name } | Receive-Job -Wait", nil,
            "Receive-Job(Start-Job(function(name) return Get-VM(name).Name end, {ArgumentList={n}}), {Wait = true})", value: true),
        .init("Get-VM web* | % { $_.Name }", nil, #"Get-VM("web*"):ForEach(function(v) return v.Name end)"#, value: true),
        .init("(Get-VM web*).Name", nil, #"Get-VM("web*").Name"#, value: true),
        .init(
            "(Get-VM | Sort-Object Name -Descending | Select-Object -First 1).Name", nil,
            #"Get-VM():Sort("Name", {Descending = true}):First().Name"#,
            value: true),
        .init(
            "(Get-VM | Measure-Object MemoryStartup -Sum).Sum", nil, #"Measure-Object(Get-VM(), "MemoryStartup", {Sum = true}).Sum"#,
            value: true),
        .init("(Get-VM | Group-Object State).Count", nil, #"Get-VM():Group("State").Count"#, value: true),
        .init(
            "Get-VM | Select-Object Name | ConvertTo-Json -Compress", nil, #"ConvertTo-Json(Get-VM():Select("Name"), {Compress = true})"#,
            value: true),
        .init(
            "'[1,2]' | ConvertFrom-Json", "('[1,2]') | ConvertFrom-Json", "ConvertFrom-Json('[1,2]')", value: true),
        .init(#""a" + "b""#, #"("a" .. "b")"#, #"("a" .. "b")"#, value: true),
        .init("$a[0]", "$a[1]", "a[1]", value: true),
        .init("$x += 1", "$x = $x + 1; print(x)", "x = x + 1; print(x)"),
        .init("1..3 | % { $_ }", "for i = 1, 3 do print(i) end", "for i = 1, 3 do print(i) end"),
        .init(#""{0:N1}" -f $x"#, #"string.format("%.1f", $x)"#, #"string.format("%.1f", x)"#, value: true),
        .init("$a -join ','", #"table.concat($a, ",")"#, #"table.concat(a, ",")"#, value: true),
        .init("$true, $false, $null", "tostring($null)", "tostring(nil)", value: true),
        .init("function f($a) { return $a }", "function f(a) return a end; print(f(1))", "function f(a) return a end; print(f(1))"),
        .init("throw 'broken'", "error('broken')", "error('broken')"),
        .init("exit 3", "os.exit(3)", "os.exit(3)"),
        .init("# comment", "-- comment", "-- comment"),
    ]

    /// The rows as text for a terminal.
    static var table: String {
        rows.map { row in
            var text = "    \(row.powerShell)\n"
            if let command = row.command { text += "        \(command)\n" } else { text += "        the same\n" }
            if row.function != row.commandText { text += "        \(row.function)\n" }
            return text
        }.joined()
    }
}

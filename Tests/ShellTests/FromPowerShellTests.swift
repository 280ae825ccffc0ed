import Cmdlets
import Testing

/// Every row of about_FromPowerShell does the same in both of our forms.
@Suite("From PowerShell", .serialized)
struct FromPowerShellTests {
    private static let setting = """
        for _, name in ipairs{ "a", "web1", "web2" } do New-VM(name, { NoVHD = true, MemoryStartupBytes = 64MB }) end
        n, i, x = "a", 7, 3
        vm, p = Get-VM("a"), { Name = "made", NoVHD = true }
        a = { "one", "two" }

        """
    /// Afterwards: which machines there are, so that two forms that change something are compared, too.
    private static let inventory = "\nprint(table.concat(Get-VM().Name, ' '))"

    private func run(_ text: String, _ row: FromPowerShell) throws -> Trial {
        guard row.isExpression else { return try Trial.run(Self.setting + text + Self.inventory) }
        return try Trial.run(Self.setting + "local value = " + text + "\nprint(ConvertTo-Json((value), { Compress = true }))")
    }

    @Test("Both forms agree", arguments: FromPowerShell.rows.indices)
    func formsAgree(_ index: Int) throws {
        let row = FromPowerShell.rows[index]
        let command = try run(row.commandText, row)
        let function = try run(row.function, row)
        #expect(command.output == function.output, "\(row.commandText)\n\(row.function)")
        #expect(command.host == function.host, "\(row.commandText)")
        #expect(command.code == function.code, "\(row.commandText)")
        // What a row shows is either a working line or one that ends the program on purpose.
        #expect(
            command.code == 0 || row.powerShell.hasPrefix("throw") || row.powerShell.hasPrefix("exit"),
            "\(row.commandText): \(command.error)")
        #expect((command.error == "") == (function.error == ""), "\(command.error)\(function.error)")
    }

    @Test("The help page shows each row")
    func page() throws {
        let trial = try Trial.run("Get-Help about_FromPowerShell")
        for row in FromPowerShell.rows { #expect(trial.output.contains(row.powerShell), "\(row.powerShell)") }
    }
}

import Foundation
import TestSupport
import Testing

/// Every example in the help runs: each in a folder and a store of its own, with machines and files of the names that examples use.
@Suite("Help examples", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct HelpExampleTests {
    private struct Described: Decodable {
        struct Example: Decodable {
            var code: String
            enum CodingKeys: String, CodingKey { case code = "Code" }
        }
        var name: String
        var examples: [Example]
        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case examples = "Examples"
        }
    }

    private static let setting = """
        for _, name in ipairs{ "web01", "web02", "db01", "scratch0" } do New-VM(name, { NoVHD = true, MemoryStartupBytes = 64MB }) end
        vm = Get-VM("web01")
        for _, name in ipairs{ "machines.csv" } do Set-Content(name, { "Name,Memory", "row1,64MB" }) end
        for _, name in ipairs{ "names.txt", "report.csv", "golden.vhdx" } do Set-Content(name, { name }) end
        New-Item("lab", { ItemType = "Directory" })
        New-Item("archive", { ItemType = "Directory" })

        """

    /// What an example meets here because no guest runs and no image is there: its words were understood all the same.
    private static func isSurroundings(_ identifier: String) -> Bool {
        !["SyntaxError", "CommandNotFound", "ScriptError", "UnexpectedError"].contains(identifier)
            && !identifier.hasPrefix("Parameter") && !identifier.hasPrefix("Ambiguous") && !identifier.hasPrefix("MissingMandatory")
            && !identifier.hasPrefix("Positional") && !identifier.hasPrefix("Named") && !identifier.hasPrefix("Argument")
            && !identifier.hasPrefix("Property")
    }

    private static func described() throws -> [Described] {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let outcome = try shell.run([
            "--output", "json", "-c", "ConvertTo-Json(Get-Command():Select('Name', 'Examples'), {Depth = 4}) | Write-Output",
        ])
        let text = try JSONDecoder().decode(String.self, from: Data(outcome.output.utf8))
        return try JSONDecoder().decode([Described].self, from: Data(text.utf8))
    }

    @Test("Each runs, or fails only for want of a guest or an image")
    func examples() throws {
        let cmdlets = try Self.described()
        try #require(cmdlets.count > 150)
        var ran = 0
        for cmdlet in cmdlets {
            for example in cmdlet.examples {
                let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-example-\(UUID().uuidString)")
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(at: folder) }
                // What stands alone at the prompt is an expression; nothing is written outside of the folder.
                let code = (example.code.hasPrefix("(") ? "local _ = " : "") + example.code
                let program =
                    Self.setting + "try(function()\n" + code.replacingOccurrences(of: "/srv/", with: folder.path + "/srv/")
                    + "\nend, function(e) print('\\nFAILED ' .. e.FullyQualifiedErrorId .. ' ' .. e.Message) end)"
                try program.write(toFile: folder.path + "/example.lua", atomically: true, encoding: .utf8)
                let outcome = try ForeignProgram.run(
                    "/bin/bash",
                    [
                        "-c", #"cd "$1" && exec timeout 10 "$0" --store "$1/store" example.lua"#, try #require(BuiltShell.executable),
                        folder.path,
                    ],
                    within: 60)
                ran += 1
                // 124: it waits for what cannot come here.
                if outcome.status == 124 { continue }
                #expect(outcome.status == 0, "\(cmdlet.name): \(example.code)\n\(outcome.errors)")
                if let failed = outcome.output.range(of: "\nFAILED ") {
                    let identifier = outcome.output[failed.upperBound...].prefix { $0 != " " }
                    #expect(
                        Self.isSurroundings(String(identifier)), "\(cmdlet.name): \(example.code)\n\(outcome.output[failed.upperBound...])")
                }
            }
        }
        #expect(ran > 150)
    }
}

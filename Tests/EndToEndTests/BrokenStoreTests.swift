import Foundation
import TestSupport
import Testing

/// Stores with damaged files, and stores that cannot be written.
@Suite("Broken stores", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct BrokenStoreTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var says: String
        /// The whole configuration to the damaged one.
        var damage: @Sendable (String) -> String
    }

    static let damages = [
        Damage(testDescription: "corrupt", says: "not a complete JSON document") { _ in "\u{0}\u{1}garbage" },
        Damage(testDescription: "empty", says: "not a complete JSON document") { _ in "" },
        Damage(testDescription: "half-written", says: "not a complete JSON document") { String($0.prefix($0.count / 2)) },
        Damage(testDescription: "newer", says: "version 99") {
            $0.replacingOccurrences(of: "\"version\" : 1", with: "\"version\" : 99, \"later\" : {}")
        },
    ]

    @Test("a machine whose configuration cannot be read is OffCritical; the others work", arguments: damages)
    func configuration(damage: Damage) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("good", running: .counting)
        try shell.makeMachine("bad", running: .counting)
        let file = URL(fileURLWithPath: try shell.value("(Get-VM bad).Path") + "/configuration.json")
        let whole = try String(contentsOf: file, encoding: .utf8)
        let damaged = Data(damage.damage(whole).utf8)
        #expect(damaged != Data(whole.utf8))
        try damaged.write(to: file)

        #expect(try shell.value("(Get-VM bad).State") == "OffCritical")
        let status = try shell.value("(Get-VM bad).Status")
        #expect(status.contains(damage.says) && status.contains(file.path), "\(status)")
        #expect(try shell.command("Get-VM").output.contains(damage.says))
        for command in [
            "Start-VM bad", "Set-VM bad -Notes x", "Rename-VM bad -NewName b", "Set-VMMemory bad -StartupBytes 64MB", "Save-VM bad",
        ] {
            let outcome = try shell.command(command)
            #expect(outcome.status == 1, "\(command)")
            #expect(!outcome.errors.isEmpty)
        }
        #expect(try shell.command("Start-VM good; Stop-VM good -TurnOff -Force").status == 0)
        #expect(try Data(contentsOf: file) == damaged)
        // Put back, it is as it was.
        try Data(whole.utf8).write(to: file)
        #expect(try shell.value("(Get-VM bad).State") == "Off")
        #expect(try shell.command("Start-VM bad").status == 0)
    }

    @Test("a configuration with numbers out of range does not start")
    func outOfRange() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .counting)
        let file = URL(fileURLWithPath: try shell.value("(Get-VM a).Path") + "/configuration.json")
        let whole = try String(contentsOf: file, encoding: .utf8)
        let damaged = whole.replacingOccurrences(of: "\"count\" : 1", with: "\"count\" : 4000")
        #expect(damaged != whole)
        try Data(damaged.utf8).write(to: file)
        let outcome = try shell.command("Start-VM a")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("4000"), "\(outcome.errors)")
    }

    @Test("a removed OffCritical machine makes room for its name")
    func removal() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("bad", running: .counting)
        try Data().write(to: URL(fileURLWithPath: try shell.value("(Get-VM bad).Path") + "/configuration.json"))
        #expect(try shell.command("Remove-VM bad -Force").status == 0)
        #expect(try shell.command("New-VM bad -NoVHD").status == 0)
    }

    @Test("a file in the store's place is named")
    func fileAsStore() throws {
        let shell = try #require(try BuiltShell())
        try Data("mine".utf8).write(to: shell.store)
        defer { try? FileManager.default.removeItem(at: shell.store) }
        for command in ["Get-VM", "New-VM a -NoVHD"] {
            let outcome = try shell.command(command)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(shell.store.path) && outcome.errors.contains("--store"), "\(outcome.errors)")
        }
        #expect(try String(contentsOf: shell.store, encoding: .utf8) == "mine")
    }

    /// A folder below this exists and cannot be written even by root: sysfs makes no folders.
    static let unwritable = "/sys/kernel"

    @Test("a store that cannot be written is named", .enabled(if: FileManager.default.fileExists(atPath: unwritable), "no sysfs here"))
    func notWritable() throws {
        let shell = try #require(try BuiltShell())
        let outcome = try shell.run(["--store", Self.unwritable + "/lunavisor-store", "-c", "New-VM a -NoVHD"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(Self.unwritable) && outcome.errors.contains("--store"), "\(outcome.errors)")
    }

    @Test("a store that became read-only is still read", .enabled(if: getuid() != 0, "root writes in spite of the mode"))
    func becameReadOnly() throws {
        let shell = try #require(try BuiltShell())
        try shell.makeMachine("a", running: .counting)
        chmod(shell.store.path, 0o500)
        defer {
            chmod(shell.store.path, 0o700)
            shell.clean()
        }
        #expect(try shell.value("(Get-VM a).State") == "Off")
        let outcome = try shell.command("New-VM b -NoVHD")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(shell.store.path), "\(outcome.errors)")
    }
}

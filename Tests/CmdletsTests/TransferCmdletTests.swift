import Cmdlets
import Glibc
import Testing

/// Export, comparison and import as scripts do them.
@Suite struct TransferCmdletTests {
    let context = TestContext()
    let other = TestContext()
    private var folder: String { String(context.host.storePath.dropLast("/store".count)) }
    private var disk: String { folder + "/web01.vhdx" }

    init() throws {
        _ = try context.call("New-VHD", .word(disk), .positional(.integer(64 << 20)))
        _ = try context.call("New-VM", .word("web01"), .word("64MB"), .named("VHDPath", .string(disk)))
    }

    private func property(_ name: String, _ value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    private func incompatibilities(_ report: Value) throws -> [String] {
        try property("Incompatibilities", report).elements.map { try property("MessageId", $0).text }
    }

    @Test func aReportIsMendedByCmdletsAndImported() throws {
        _ = try export(to: "away")
        _ = try context.call("Export-VM", .word("web01"), .word(folder + "/exports"))
        let compared = try context.call("Compare-VM", .word(folder + "/exports/web01"), .flag("Copy"), .flag("GenerateNewId"))
        #expect(compared.shape == .one)
        #expect(try incompatibilities(compared.value) == ["VMNameExists"])
        let failure = context.failure { _ = try context.call("Import-VM", .named("CompatibilityReport", compared.value)) }
        #expect(failure?.identifier == "VMNameExists")
        let planned = try property("VM", compared.value)
        #expect(try property("VirtualMachineType", planned).text == "PlannedVirtualMachine")
        _ = try context.call("Rename-VM", .named("VM", planned), .named("NewName", .string("web02")))
        _ = try context.call("Set-VMMemory", .named("VM", planned), .named("StartupBytes", .integer(128 << 20)))
        #expect(try incompatibilities(compared.value).isEmpty)
        let imported = try context.call("Import-VM", .named("CompatibilityReport", compared.value))
        #expect(try property("Name", imported.value).text == "web02")
        #expect(try property("MemoryStartup", imported.value).integerValue == 128 << 20)
        #expect(try property("Id", imported.value).text != property("Id", try context.call("Get-VM", .word("web01")).value).text)
        #expect(try context.call("Get-VM").values.count == 2)
    }

    private func export(to name: String) throws -> Value {
        try context.call("Export-VM", .word("web01"), .word("\(folder)/\(name)"), .flag("Passthru")).value
    }

    /// A disk that the export lost comes back from a folder that has it; another disk of its name does not.
    @Test func anExportIsRepaired() throws {
        let exported = folder + "/exports"
        _ = try export(to: "exports")
        let lost = exported + "/web01/Virtual Hard Disks/web01.vhdx"
        _ = try context.call("New-Item", .word(folder + "/backup"), .named("ItemType", .string("Directory")))
        _ = try context.call("New-VHD", .word(folder + "/backup/web01.vhdx"), .positional(.integer(64 << 20)))
        _ = try context.call("Remove-Item", .word(lost))
        let report = try other.call("Compare-VM", .word(exported + "/web01")).value
        #expect(try incompatibilities(report) == ["ExportDamaged"])
        let needs = context.failure { _ = try other.call("Repair-VM", .positional(report)) }
        #expect(needs?.identifier == "MissingMandatoryParameter")
        _ = try other.call("Repair-VM", .positional(report), .named("Path", .string(folder + "/backup")))
        #expect(try incompatibilities(report) == ["ExportDamaged"])
        _ = try context.call("Copy-Item", .word(disk), .word(folder + "/backup/web01.vhdx"), .flag("Force"))
        let repaired = try other.call(
            "Repair-VM", .positional(report), .named("Path", .string(folder + "/backup")), .flag("Passthru"))
        #expect(repaired.shape == .one)
        #expect(try incompatibilities(report).isEmpty)
        #expect(try property("Name", other.call("Import-VM", .named("CompatibilityReport", report)).value).text == "web01")
    }

    @Test func aSwitchOfElsewhereIsLeftByThePart() throws {
        _ = try context.call("New-VMSwitch", .word("inside"), .named("SwitchType", .string("Private")))
        _ = try context.call("Connect-VMNetworkAdapter", .word("web01"), .named("SwitchName", .string("inside")))
        _ = try export(to: "exports")
        let report = try other.call("Compare-VM", .word(folder + "/exports/web01")).value
        #expect(try incompatibilities(report) == ["SwitchNotFound"])
        let source = try property("Source", try #require(try property("Incompatibilities", report).elements.first))
        _ = try other.call("Disconnect-VMNetworkAdapter", .named("VMNetworkAdapter", source))
        #expect(try incompatibilities(report).isEmpty)
        #expect(try property("Name", try other.call("Import-VM", .named("CompatibilityReport", report)).value).text == "web01")
    }

    @Test func aCheckpointIsExported() throws {
        _ = try context.call("Checkpoint-VM", .word("web01"), .named("SnapshotName", .string("first")))
        _ = try context.call(
            "Export-VMSnapshot", .word("first"), .named("VMName", .string("web01")), .named("Path", .string(folder + "/exports")))
        let imported = try other.call("Import-VM", .word(folder + "/exports/web01"), .flag("Copy")).value
        #expect(try property("ParentSnapshotName", imported).text.isEmpty)
        #expect(try other.call("Get-VMSnapshot", .word("web01")).values.isEmpty)
    }

    @Test func updatingSaysThatThereIsNothingToDo() throws {
        #expect(context.failure { _ = try context.call("Update-VMVersion", .word("web01")) }?.identifier == "ConfirmationRequired")
        _ = try context.call("Update-VMVersion", .word("web01"), .flag("Force"))
        #expect(context.testTerminal.error.contains("no version upgrade was needed"))
    }

    @Test func aNewDiskWithABareNameLiesInTheHostsFolder() throws {
        let first = try context.call(
            "New-VM", .word("db01"), .word("64MB"), .named("NewVHDPath", .string("db01.vhdx")),
            .named("NewVHDSizeBytes", .integer(64 << 20)))
        #expect(first.values.count == 1)
        #expect(access(context.host.storePath + "/disks/db01.vhdx", F_OK) == 0)
        let failure = context.failure { _ = try context.call("Set-VMHost", .named("VirtualHardDiskPath", .string(folder + "/none"))) }
        #expect(failure?.identifier == "FolderNotFound")
        mkdir(folder + "/disks", 0o700)
        let host = try context.call("Set-VMHost", .named("VirtualHardDiskPath", .string(folder + "/disks")), .flag("Passthru"))
        #expect(try property("VirtualHardDiskPath", host.value).text == folder + "/disks")
        _ = try context.call(
            "New-VM", .word("db02"), .word("64MB"), .named("NewVHDPath", .string("db02.vhd")), .named("NewVHDSizeBytes", .integer(64 << 20))
        )
        #expect(access(folder + "/disks/db02.vhd", F_OK) == 0)
    }

    @Test func filesAreListed() throws {
        let files = try context.call("Get-VMFile", .word("web01"))
        #expect(files.shape == .many)
        #expect(try files.values.contains { try property("Path", $0).text == disk && property("Kind", $0).text == "Disk" })
        #expect(try context.call("Get-VMFile", .flag("Orphan")).values.isEmpty)
        close(open(folder + "/lost.avhdx", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        let orphans = try context.call("Get-VMFile", .flag("Orphan")).values
        #expect(try orphans.map { try property("Path", $0).text } == [folder + "/lost.avhdx"])
        #expect(try context.shown(CommandCall("Get-VMFile", [.word("web01")])).contains("Checkpoint"))
    }
}

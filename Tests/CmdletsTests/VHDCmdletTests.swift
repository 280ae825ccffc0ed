import Cmdlets
import Glibc
import Testing

@Suite struct VHDCmdletTests {
    let context = TestContext()
    let folder = DiskTestFolder()

    private func vhd(_ name: String, _ property: String) throws -> Value {
        let value = try context.call("Get-VHD", .word(folder(name))).value
        guard case .object(let object) = value else { return .null }
        return try object.property(property)
    }

    @Test func disksAreMadeShownAndChanged() throws {
        for name in ["a.vhdx", "a.vhd"] {
            let made = try context.call("New-VHD", .word(folder(name)), .positional(.integer(64 << 20)))
            #expect(made.shape == .one)
            #expect(try vhd(name, "VhdType").text == "Dynamic")
            #expect(try vhd(name, "Size").integerValue == 64 << 20)
            #expect(try vhd(name, "Attached").booleanValue == false)
            #expect(try context.call("Test-VHD", .word(folder(name))).value.booleanValue == true)
            let nothing = try context.call("Resize-VHD", .word(folder(name)), .positional(.integer(80 << 20)))
            #expect(nothing.values.isEmpty)
            #expect(try vhd(name, "Size").integerValue == 80 << 20)
            _ = try context.call("Optimize-VHD", .word(folder(name)), .named("Mode", .string("quick")))
            let id = try vhd(name, "DiskIdentifier").text
            _ = try context.call("Set-VHD", .word(folder(name)), .flag("ResetDiskIdentifier"))
            #expect(try vhd(name, "DiskIdentifier").text != id)
        }
        _ = try context.call("Convert-VHD", .word(folder("a.vhd")), .word(folder("b.raw")), .flag("DeleteSource"))
        #expect(access(folder("a.vhd"), F_OK) != 0)
        #expect(try vhd("b.raw", "VhdFormat").text == "RAW")
        let shown = try context.shown(CommandCall("Get-VHD", [.word(folder("a.vhdx"))]))
        #expect(shown.contains("VhdFormat") && shown.contains("VHDX"))
    }

    @Test func childrenAreMadeAndMerged() throws {
        _ = try context.call("New-VHD", .word(folder("p.vhdx")), .positional(.integer(64 << 20)))
        _ = try context.call("New-VHD", .word(folder("c.vhdx")), .named("ParentPath", .string(folder("p.vhdx"))), .flag("Differencing"))
        #expect(try vhd("c.vhdx", "ParentPath").text == folder("p.vhdx"))
        // A child may be larger than its parent; its size has a place of its own in that set.
        _ = try context.call("New-VHD", .word(folder("d.vhdx")), .word(folder("p.vhdx")), .positional(.integer(128 << 20)))
        #expect(try vhd("d.vhdx", "Size").text == String(128 << 20))
        #expect(try vhd("d.vhdx", "ParentPath").text == folder("p.vhdx"))
        #expect(context.failure { _ = try context.call("Merge-VHD", .word(folder("c.vhdx"))) }?.identifier == "ConfirmationRequired")
        let merged = try context.call("Merge-VHD", .word(folder("c.vhdx")), .flag("Force"), .flag("Passthru"))
        #expect(merged.value.text == folder("p.vhdx"))
        #expect(access(folder("c.vhdx"), F_OK) != 0)
    }

    @Test func theDisksOfAMachineAreFoundByItsIdentifier() throws {
        _ = try context.call("New-VHD", .word(folder("a.vhdx")), .positional(.integer(64 << 20)))
        _ = try context.call("New-VHD", .word(folder("b.vhd")), .positional(.integer(32 << 20)))
        let machine = try context.call("New-VM", .word("web01"), .word("64MB"), .named("VHDPath", .string(folder("a.vhdx")))).value
        _ = try context.call("Add-VMHardDiskDrive", .word("web01"), .named("Path", .string(folder("b.vhd"))))
        let id = try #require(try PropertyReader.property("Id", of: machine))
        let found = try context.call("Get-VHD", .named("VMId", id))
        #expect(found.shape == .many)
        #expect(found.values.map(\.text) == [folder("a.vhdx"), folder("b.vhd")])
        let unknown = context.failure { _ = try context.call("Get-VHD", .named("VMId", .string("00000000-0000-0000-0000-000000000001"))) }
        #expect(unknown?.identifier == "VMNotFound")
    }

    @Test func mistakesAreNamed() throws {
        func identifier(_ name: String, _ arguments: RawArgument...) -> String? {
            context.failure { _ = try Pipeline.run([CommandCall(name, arguments)], input: .none, context: context) }?.identifier
        }
        #expect(identifier("Get-VHD", .word(folder("none.vhdx"))) == "DiskNotFound")
        #expect(identifier("New-VHD", .word(folder("a.qcow2")), .positional(.integer(64 << 20))) == "DiskNameInvalid")
        #expect(identifier("New-VHD", .word(folder("a.vhd")), .positional(.integer(3 << 40))) == "DiskOptionInvalid")
        #expect(identifier("New-VHD", .word(folder("a.vhd")), .positional(.integer(1000))) == "DiskSizeInvalid")
        _ = try context.call("New-VHD", .word(folder("a.vhd")), .positional(.integer(64 << 20)))
        #expect(identifier("New-VHD", .word(folder("a.vhd")), .positional(.integer(64 << 20))) == "DiskExists")
        rename(folder("a.vhd"), folder("wrong.vhdx"))
        #expect(identifier("Get-VHD", .word(folder("wrong.vhdx"))) == "DiskNotThisFormat")
        #expect(try context.call("Test-VHD", .word(folder("wrong.vhdx"))).value.booleanValue == false)
        _ = try context.call("New-VHD", .word(folder("w.vhd")), .positional(.integer(64 << 20)), .flag("WhatIf"))
        #expect(access(folder("w.vhd"), F_OK) != 0)
    }

    @Test func whatOptimizingWouldDoIsSaid() throws {
        let path = folder("dynamic.vhdx")
        _ = try context.call("New-VHD", .word(path), .positional(.integer(64 << 20)))
        for (mode, wanted) in [("Full", "reads every block"), ("Quick", "reads no content")] {
            let before = context.testTerminal.hostText.count
            _ = try context.call("Optimize-VHD", .word(path), .named("Mode", .string(mode)), .flag("WhatIf"))
            let said = context.testTerminal.hostText.dropFirst(before)
            #expect(said.contains("What if: ") && said.contains(path) && said.contains(wanted) && said.contains("the file has"), "\(said)")
        }
    }

    /// Parameters of the real module have its aliases, lists and pipeline binding, and a place where it has one.
    @Test func declarationsAgreeWithTheModule() throws {
        var cmdlet: Cmdlet?
        for line in Self.facts.split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields[0] != "cmdlet" else {
                cmdlet = try context.catalogue.resolve(fields[1])
                continue
            }
            let parameter = try #require(cmdlet?.parameter(fields[0]), "\(cmdlet?.name ?? "") -\(fields[0])")
            let place = Comment("\(cmdlet?.name ?? "") -\(fields[0])")
            #expect(parameter.takesMany == (fields[1] == "many"), place)
            #expect((parameter.position != nil) == (fields[2] != "-"), place)
            var pipeline: Parameter.PipelineBinding = []
            if fields[3].contains("ByValue") { pipeline.insert(.byValue) }
            if fields[3].contains("ByPropertyName") { pipeline.insert(.byPropertyName) }
            #expect(parameter.pipeline == pipeline, place)
            if fields[4] != "-" { #expect(parameter.aliases.contains(fields[4]), place) }
        }
    }

    /// Facts from MicrosoftDocs/windows-powershell-docs: NAME one|many POSITION PIPELINE ALIASES.
    private static let facts = """
        cmdlet Convert-VHD
        Path one 0 ByPropertyName,ByValue FullName
        DestinationPath one 1 - -
        VHDType one - - -
        ParentPath one - - -
        BlockSizeBytes one - - -
        DeleteSource one - - -
        AsJob one - - -
        Passthru one - - -
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        cmdlet Get-VHD
        Path many 0 ByPropertyName,ByValue FullName
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        DiskNumber one 0 ByPropertyName Number
        VMId many 0 ByPropertyName,ByValue Id
        cmdlet Merge-VHD
        Path one 0 ByPropertyName,ByValue FullName
        DestinationPath one 1 - -
        Force one - - -
        AsJob one - - -
        Passthru one - - -
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        cmdlet New-VHD
        Path many 0 ByPropertyName,ByValue -
        SizeBytes one 1 - -
        Dynamic one - - -
        BlockSizeBytes one - - -
        LogicalSectorSizeBytes one - - -
        PhysicalSectorSizeBytes one - - -
        AsJob one - - -
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        ParentPath one 1 - -
        Differencing one - - -
        Fixed one - - -
        SourceDisk one - ByPropertyName Number
        cmdlet Optimize-VHD
        Path many 0 ByPropertyName,ByValue FullName
        Mode one - - -
        AsJob one - - -
        Passthru one - - -
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        cmdlet Resize-VHD
        Path many 0 ByPropertyName,ByValue FullName
        SizeBytes one 1 - -
        AsJob one - - -
        Passthru one - - -
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        ToMinimumSize one - - -
        cmdlet Set-VHD
        Path one 0 ByPropertyName,ByValue FullName
        ParentPath one 1 - -
        LeafPath one - - -
        IgnoreIdMismatch one - - -
        Passthru one - - -
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        PhysicalSectorSizeBytes one - - -
        ResetDiskIdentifier one - - -
        Force one - - -
        cmdlet Test-VHD
        Path many 0 ByPropertyName,ByValue FullName
        CimSession many - - -
        ComputerName many - - -
        Credential many - - -
        SupportPersistentReservations one - - ShareVirtualDisk
        """
}

/// A temporary folder for disks.
final class DiskTestFolder: Sendable {
    private let path = "/tmp/lunavisor-cmdlets-vhd-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    init() { mkdir(path, 0o755) }
    deinit { _ = system("rm -rf '\(path)'") }
    func callAsFunction(_ name: String) -> String { path + "/" + name }
}

import Cmdlets
import Glibc
import Testing

/// Move-VMStorage and the plans of -WhatIf as scripts meet them.
@Suite struct StorageMoveCmdletTests {
    let context = TestContext()
    private var folder: String { String(context.host.storePath.dropLast("/store".count)) }
    private var disk: String { folder + "/web01.vhdx" }

    init() throws {
        _ = try context.call("New-VHD", .word(disk), .positional(.integer(64 << 20)))
        _ = try context.call("New-VM", .word("web01"), .word("64MB"), .named("VHDPath", .string(disk)))
    }

    private func property(_ name: String, _ value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    private func path() throws -> String {
        try property("Path", try #require(try context.call("Get-VMHardDiskDrive", .word("web01")).values.first)).text
    }

    @Test func whatIfListsTheFilesAndMovesNone() throws {
        _ = try context.call("Checkpoint-VM", .word("web01"), .named("SnapshotName", .string("one")))
        let before = try path()
        _ = try context.call("Move-VMStorage", .word("web01"), .word(folder + "/new"), .flag("WhatIf"))
        let said = context.testTerminal.hostText
        #expect(
            said.contains("What if: ") && said.contains("moves \(disk) (")
                && said.contains("to \(folder)/new/Virtual Hard Disks/web01.vhdx"))
        #expect(said.contains("moves \(before) ("))
        #expect(try path() == before && access(folder + "/new", F_OK) != 0)
        _ = try context.call("Move-VMStorage", .word("web01"), .word(folder + "/new"))
        #expect(try path().hasPrefix(folder + "/new/Virtual Hard Disks/web01_"))
        let again = context.failure { _ = try context.call("Move-VMStorage", .word("web01"), .word(folder + "/new")) }
        #expect(again?.identifier == "StorageSamePlace")
    }

    @Test func disksAreNamedByThemselves() throws {
        let one = Record([("SourceFilePath", .string(disk)), ("DestinationFilePath", .string(folder + "/fast/system.vhdx"))])
        _ = try context.call("Move-VMStorage", .word("web01"), .named("VHDs", .list([.record(one)])))
        #expect(try path() == folder + "/fast/system.vhdx")
        for wrong in [Record([("SourceFilePath", .string(disk))]), Record()] {
            let failure = context.failure { _ = try context.call("Move-VMStorage", .word("web01"), .named("Vhds", .record(wrong))) }
            #expect(failure?.identifier == "ParameterBindingFailed")
        }
        #expect(context.failure { _ = try context.call("Move-VMStorage", .word("web01"), .flag("RetainVhdCopiesOnSource")) } != nil)
        let refused = context.failure {
            _ = try context.call("Move-VMStorage", .word("web01"), .named("VirtualMachinePath", .string(folder + "/x")))
        }
        #expect(refused?.message.contains("store") == true)
    }

    /// What a pipeline brings is planned, and removed, as a whole.
    @Test func aRemovalSaysWhatBecomesOfTheFiles() throws {
        for name in ["one", "two"] { _ = try context.call("Checkpoint-VM", .word("web01"), .word(name)) }
        _ = try context.shown(
            CommandCall("Get-VMSnapshot", [.word("web01")]), CommandCall("Remove-VMSnapshot", [.flag("WhatIf")]))
        let lines = context.testTerminal.hostText.split(separator: "\n").filter { $0.contains("\"Remove-VMSnapshot\"") }
        #expect(lines.count == 1 && lines.allSatisfy { $0.contains("one, two of web01") && $0.contains("merges ") }, "\(lines)")
        _ = try context.call("New-VM", .word("bare"), .flag("NoVHD"))
        _ = try context.call("Checkpoint-VM", .word("bare"), .word("x"))
        _ = try context.call("Remove-VMSnapshot", .word("bare"), .flag("WhatIf"))
        #expect(context.testTerminal.hostText.contains("x of bare; no file is merged or deleted"))
    }

    @Test func plansOfCheckpointsAndExportsAreShown() throws {
        _ = try context.call("Checkpoint-VM", .word("web01"), .word("one"))
        let image = try path()
        for (call, expected) in [
            (CommandCall("Checkpoint-VM", [.word("web01"), .flag("WhatIf")]), "writes \(folder)/web01_<id>.avhdx"),
            (
                CommandCall("Restore-VMSnapshot", [.word("one"), .named("VMName", .string("web01")), .flag("WhatIf")]),
                "deletes \(image) ("
            ),
            (CommandCall("Export-VM", [.word("web01"), .word(folder + "/exports"), .flag("WhatIf")]), "copies \(image) ("),
            (
                CommandCall(
                    "Export-VMSnapshot",
                    [.word("one"), .named("VMName", .string("web01")), .named("Path", .string(folder + "/exports")), .flag("WhatIf")]),
                "to \(folder)/exports/web01/Virtual Hard Disks/web01.vhdx"
            ),
        ] {
            _ = try context.shown(call)
            #expect(context.testTerminal.hostText.contains(expected), "\(expected) is missing in \(context.testTerminal.hostText)")
        }
        #expect(try path() == image && access(folder + "/exports", F_OK) != 0)
        #expect(try context.call("Get-VMSnapshot", .word("web01")).values.count == 1)
    }

    @Test func theImagesOfAChainAreOptimizedOneByOne() throws {
        _ = try context.call("Checkpoint-VM", .word("web01"), .word("one"))
        for image in try context.call("Get-VMFile", .word("web01"), .named("Kind", .list([.string("Disk"), .string("Image")]))).values {
            _ = try context.call("Optimize-VHD", .word(try property("Path", image).text))
        }
        #expect(try property("Path", try context.call("Get-VHD", .word(try path())).value).text == path())
        #expect(try context.call("Test-VHD", .word(try path())).value.booleanValue == true)
    }
}

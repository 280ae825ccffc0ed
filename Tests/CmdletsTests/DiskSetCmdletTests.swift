import Cmdlets
import Foundation
import Testing

/// VHD sets as scripts use them; what becomes of their content `DiskSetTests` looks at.
@Suite struct DiskSetCmdletTests {
    let context = TestContext()
    private var folder: String { String(context.host.storePath.dropLast("/store".count)) }
    private var path: String { folder + "/data.vhds" }

    private func property(_ name: String, _ value: Value) throws -> Value { try PropertyReader.property(name, of: value) ?? .null }

    init() throws { _ = try context.call("New-VHD", .word(path), .positional(.integer(64 << 20))) }

    @Test func aSetIsADiskWithSnapshots() throws {
        let disk = try context.call("Get-VHD", .word(path)).value
        #expect(try property("VhdFormat", disk).text == "VHDSet")
        #expect(try property("VhdType", disk).text == "Dynamic")
        #expect(try property("Size", disk).integerValue == 64 << 20)
        #expect(try context.call("Test-VHD", .word(path)).value.booleanValue == true)
        let first = try context.call("New-VHDSnapshot", .word(path)).value
        _ = try context.call("New-VHDSnapshot", .word(path))
        let all = try context.call("Get-VHDSnapshot", .word(path), .flag("GetParentPaths")).values
        #expect(try all.map { try property("ParentPathsList", $0).elements.count } == [0, 1])
        #expect(try property("SnapshotId", all[0]).text == property("SnapshotId", first).text)
        let set = try context.call("Get-VHDSet", .word(path), .flag("GetAllPaths")).value
        #expect(try property("AllPaths", set).elements.count == 4)
        #expect(try property("SnapshotIdList", set).elements.count == 2)
        #expect(try property("AllPaths", context.call("Get-VHDSet", .word(path)).value).elements.isEmpty)
        _ = try context.call("Optimize-VHDSet", .word(path))
        _ = try context.call("Remove-VHDSnapshot", input: .one(all[0]))
        let second = try property("SnapshotId", all[1])
        _ = try context.call("Remove-VHDSnapshot", .word(path), .named("SnapshotId", second))
        #expect(try context.call("Get-VHDSnapshot", .word(path)).values.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".avhdx") }.count == 1)
        let gone = context.failure { _ = try context.call("Remove-VHDSnapshot", .word(path), .named("SnapshotId", second)) }
        #expect(gone?.identifier == "VHDSnapshotNotFound")
        #expect(context.failure { _ = try context.call("New-VHD", .word(path), .word("64MB")) }?.identifier == "FileExists")
    }

    @Test func aMachineHasASetButNoCheckpoints() throws {
        _ = try context.call("New-VM", .word("web01"), .flag("NoVHD"))
        _ = try context.call("Add-VMHardDiskDrive", .word("web01"), .named("Path", .string(path)))
        #expect(try property("Path", context.call("Get-VMHardDiskDrive", .word("web01")).values[0]).text == path)
        for failing in [("Checkpoint-VM", ""), ("Export-VM", folder + "/out"), ("Move-VMStorage", folder + "/there")] {
            let error = context.failure {
                _ = try Pipeline.run(
                    [CommandCall(failing.0, [.word("web01")] + (failing.1.isEmpty ? [] : [.word(failing.1)]))], context: context)
            }
            #expect(error?.identifier == "DiskSetAttached", "\(failing.0)")
        }
    }

    @Test func setsAndDisksAreMadeOfEachOther() throws {
        _ = try context.call("Convert-VHD", .word(path), .word(folder + "/plain.vhdx"))
        #expect(try property("Size", context.call("Get-VHD", .word(folder + "/plain.vhdx")).value).integerValue == 64 << 20)
        _ = try context.call("Convert-VHD", .word(folder + "/plain.vhdx"), .word(folder + "/other.vhds"), .flag("DeleteSource"))
        #expect(try property("VhdFormat", context.call("Get-VHD", .word(folder + "/other.vhds")).value).text == "VHDSet")
        #expect(!FileManager.default.fileExists(atPath: folder + "/plain.vhdx"))
    }

    @Test(arguments: [
        "", "{}", "not a set", #"{"version":1,"images":[],"snapshots":[]}"#, #"{"version":1,"images":["../x.avhdx"],"snapshots":[]}"#,
        #"{"version":1,"images":["x.raw"],"snapshots":[]}"#,
        #"{"version":1,"images":["a.avhdx"],"snapshots":[{"id":"00000000-0000-0000-0000-000000000001","image":"b.avhdx","creationTime":0}]}"#,
        #"{"version":1,"images":["a.avhdx","b.avhdx"],"snapshots":[],"merging":"a.avhdx"}"#,
    ])
    func whatIsNoSetIsRefused(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(context.failure { _ = try context.call("Get-VHDSet", .word(path)) }?.identifier == "DiskSetInvalid")
    }

    @Test func aNewerSetAndAnotherNameAreRefused() throws {
        try Data(#"{"version":9,"images":["a.avhdx"],"snapshots":[]}"#.utf8).write(to: URL(fileURLWithPath: path))
        #expect(context.failure { _ = try context.call("Get-VHDSet", .word(path)) }?.identifier == "DiskSetNewer")
        #expect(context.failure { _ = try context.call("Get-VHDSet", .word(folder + "/x.vhdx")) }?.identifier == "DiskSetInvalid")
        #expect(context.failure { _ = try context.call("Get-VHDSet", .word(folder + "/none.vhds")) }?.category == .objectNotFound)
    }
}

import Cmdlets
import Foundation
import Testing

/// Get-ChildItem, New-Item and their kin over a folder of their own.
@Suite final class ItemCmdletTests {
    let context = TestContext()
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-items-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/sub/deep", withIntermediateDirectories: true)
        for name in ["a.txt", "b.txt", ".hidden", "sub/c.txt", "sub/deep/d.log"] {
            try name.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func names(_ arguments: RawArgument...) throws -> [String] {
        try Pipeline.run([CommandCall("Get-ChildItem", [.positional(.string(folder))] + arguments + [.flag("Name")])], context: context)
            .values.map(\.text)
    }

    private func call(_ name: String, _ paths: String..., switches: [String] = []) throws -> PipelineResult {
        try Pipeline.run(
            [CommandCall(name, paths.map { .positional(.string(folder + "/" + $0)) } + switches.map { .flag($0) })], context: context)
    }

    private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: folder + "/" + name) }

    @Test func listings() throws {
        #expect(try names() == ["a.txt", "b.txt", "sub"])
        #expect(try names(.flag("Force")) == [".hidden", "a.txt", "b.txt", "sub"])
        #expect(try names(.flag("Recurse"), .flag("File")) == ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.log"])
        #expect(try names(.named("Filter", .string("*.txt")), .flag("Recurse")) == ["a.txt", "b.txt", "sub/c.txt"])
        #expect(try names(.flag("Directory"), .named("Depth", .integer(0))) == ["sub"])
        #expect(try names(.named("Exclude", .string("a*"))) == ["b.txt", "sub"])
    }

    @Test func anItemTellsOfItself() throws {
        guard case .object(let item) = try call("Get-Item", "a.txt").value else { return #expect(Bool(false), "an object") }
        let facts = try item.snapshot()
        #expect(facts["Name"]?.text == "a.txt")
        #expect(facts["BaseName"]?.text == "a")
        #expect(facts["Extension"]?.text == ".txt")
        #expect(facts["Length"]?.integerValue == 5)
        #expect(facts["PSIsContainer"]?.booleanValue == false)
        #expect(item.displayName == folder + "/a.txt")
        let error = context.failure { _ = try call("Get-Item", "a.tx") }
        #expect(error?.identifier == "PathNotFound")
        #expect(error?.message.contains("a.txt") == true)
    }

    @Test func copiesMovesAndRemoves() throws {
        _ = try call("Copy-Item", "a.txt", "copy.txt")
        #expect(try String(contentsOfFile: folder + "/copy.txt", encoding: .utf8) == "a.txt")
        _ = try call("Copy-Item", "*.txt", "sub")
        #expect(exists("sub/copy.txt"))
        _ = try call("Copy-Item", "sub", "twin", switches: ["Recurse"])
        #expect(exists("twin/deep/d.log"))
        _ = try call("Move-Item", "twin", "moved")
        #expect(exists("moved/c.txt") && !exists("twin"))
        #expect(context.failure { _ = try call("Move-Item", "a.txt", "b.txt") }?.identifier == "FileExists")
        #expect(context.failure { _ = try call("Remove-Item", "moved") }?.identifier == "FolderNotEmpty")
        _ = try call("Remove-Item", "moved", switches: ["Recurse"])
        #expect(!exists("moved"))
        _ = try call("Remove-Item", "*.txt")
        #expect(!exists("a.txt") && exists("sub/c.txt"))
    }

    @Test func makes() throws {
        _ = try call("New-Item", "x/y/z", switches: [])
        #expect(exists("x/y/z"))
        _ = try Pipeline.run(
            [CommandCall("New-Item", [.positional(.string(folder + "/dir")), .named("ItemType", .string("Directory"))])], context: context)
        #expect(exists("dir"))
        #expect(context.failure { _ = try call("New-Item", "a.txt") }?.category == .resourceExists)
    }

    @Test func aLinkIsDeletedNotFollowed() throws {
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/sub")
        _ = try call("Remove-Item", "link", switches: ["Recurse"])
        #expect(exists("sub/c.txt") && !exists("link"))
    }

    @Test func aFolderIsNotCopiedIntoItself() throws {
        let error = context.failure { _ = try call("Copy-Item", "sub", "sub/deep", switches: ["Recurse"]) }
        #expect(error?.message.contains("lies within") == true)
        #expect(context.failure { _ = try call("Copy-Item", "a.txt", "a.txt") }?.message.contains("are the same") == true)
        #expect(try String(contentsOfFile: folder + "/a.txt", encoding: .utf8) == "a.txt")
    }

    @Test func exportedRowsComeBack() throws {
        let rows = (1...3).map { Value.record(Record([("Name", .string("n\($0)")), ("Size", .integer(Int64($0)))])) }
        let path = RawArgument.positional(.string(folder + "/t.csv"))
        _ = try context.call("Export-Csv", path, input: .many(rows))
        _ = try context.call("Export-Csv", path, .flag("Append"), input: .many([rows[0]]))
        let back = try context.call("Import-Csv", path).values.compactMap(\.recordValue)
        #expect(back.map { $0["Name"]?.text } == ["n1", "n2", "n3", "n1"])
        let other = Value.record(Record([("Other", .string("x"))]))
        #expect(
            context.failure { _ = try context.call("Export-Csv", path, .flag("Append"), input: .many([other])) }?.identifier
                == "CsvColumnMissing")
    }
}

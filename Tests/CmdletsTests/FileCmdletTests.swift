import Cmdlets
import Glibc
import Testing

@Suite struct FileCmdletTests {
    let context = TestContext()
    let path = "/tmp/lunavisor-content-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"

    @Test func whatIsWrittenIsRead() throws {
        defer { unlink(path) }
        _ = try context.call("Set-Content", .word(path), input: .many([.string("a"), .integer(2)]))
        _ = try context.call("Add-Content", .word(path), .word("c"))
        #expect(try context.call("Get-Content", .word(path)).values.map(\.text) == ["a", "2", "c"])
        #expect(try context.call("Get-Content", .word(path), .named("Tail", .integer(1))).values.map(\.text) == ["c"])
        _ = try context.call("Out-File", .word(path), input: .many([.thing("x", 1)]))
        #expect(try context.call("Get-Content", .word(path), .flag("Raw")).value.text == "Name Number\n---- ------\nx         1\n\n")
        #expect(
            context.failure { _ = try context.call("Out-File", .word(path), .flag("NoClobber"), input: .many([])) }?.category
                == .resourceExists)
        #expect(try context.call("Test-Path", .word(path)).value.booleanValue == true)
        #expect(try context.call("Test-Path", .word(path), .named("PathType", .string("Container"))).value.booleanValue == false)
    }

    /// A file system of 256 KiB, where the user may mount one.
    private final class SmallDisk {
        let path = "/tmp/lunavisor-small-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        init?() {
            guard mkdir(path, 0o700) == 0, mount("tmpfs", path, "tmpfs", 0, "size=256k") == 0 else { return nil }
        }
        deinit {
            umount2(path, Int32(MNT_DETACH))
            rmdir(path)
        }
    }

    @Test(.enabled(if: SmallDisk() != nil, "no file system can be mounted"), arguments: ["Set-Content", "Out-File", "Export-Csv"])
    func aFullDiskLosesNothing(_ cmdlet: String) throws {
        let disk = try #require(SmallDisk())
        let file = disk.path + "/kept.csv"
        _ = try context.call("Set-Content", .word(file), .word("kept"))
        let large = Value.record(Record([("Text", .string(String(repeating: "x", count: 400 << 10)))]))
        let failure = context.failure { _ = try context.call(cmdlet, .word(file), input: .one(large)) }
        #expect(failure?.identifier == "FileWriteFailed")
        #expect(try context.call("Get-Content", .word(file)).values.map(\.text) == ["kept"])
        #expect(try context.call("Get-ChildItem", .word(disk.path), .flag("Force")).values.count == 1)
    }

    @Test func whatIsReplacedKeepsItsLinkAndItsRights() throws {
        let link = path + "-link"
        defer {
            unlink(path)
            unlink(link)
        }
        _ = try context.call("Set-Content", .word(path), .word("old"))
        chmod(path, 0o640)
        symlink(path, link)
        _ = try context.call("Set-Content", .word(link), .word("new"))
        var status = stat()
        #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(try context.call("Get-Content", .word(path)).values.map(\.text) == ["new"])
        _ = try context.call("Set-Content", .word("/dev/null"), .word("gone"))
    }

    @Test func pathsAreJoinedAndSplit() throws {
        #expect(try context.call("Join-Path", .word("/srv/"), .word("/vm")).value.text == "/srv/vm")
        #expect(try context.call("Split-Path", .word("/srv/vm")).value.text == "/srv")
        #expect(try context.call("Split-Path", .word("/srv/vm/"), .flag("Leaf")).value.text == "vm")
        #expect(context.failure { _ = try context.call("Get-Content", .word("/nonexistent/x")) }?.category == .objectNotFound)
    }
}

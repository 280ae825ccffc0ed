import Foundation
import TestSupport
import Testing

/// Mounted disks as other programs' NBD clients find them.
@Suite(
    "Mounted disks", .serialized,
    .enabled(
        if: BuiltShell.executable != nil && FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-io"),
        "lunavisor or qemu-utils is not there"))
struct MountTests {
    private struct Bench {
        let shell: BuiltShell
        let folder: String

        init() throws {
            shell = try #require(try BuiltShell())
            folder = shell.store.path + ".files"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }

        func clean() {
            shell.clean()
            try? FileManager.default.removeItem(atPath: folder)
        }

        @discardableResult
        func succeed(_ commands: String) throws -> String {
            let outcome = try shell.command(commands)
            try #require(outcome.status == 0, "\(commands): \(outcome.errors)")
            return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        func fails(_ commands: String, _ identifier: String) throws {
            let outcome = try shell.command("local ok, e = pcall(function()\n\(commands)\nend)\nprint(ok, e and e.FullyQualifiedErrorId)")
            #expect(outcome.output.contains(identifier), "\(commands): \(outcome.output)\(outcome.errors)")
        }

        /// Mounts it and tells where clients find it.
        func mount(_ name: String, _ more: String = "") throws -> String {
            try succeed("d = Mount-VHD '\(folder)/\(name)' \(more) -Passthru; print(d.NbdUri)")
        }

        @discardableResult
        func tool(_ name: String, _ arguments: [String], status: Int32 = 0) throws -> String {
            let outcome = try ForeignProgram.run("/usr/bin/\(name)", arguments)
            #expect(outcome.status == status, "\(name) \(arguments): \(outcome.output)\(outcome.errors)")
            return outcome.output + outcome.errors
        }

        func write(_ uri: String, _ commands: String...) throws {
            let output = try tool("qemu-io", ["-f", "raw", uri] + commands.flatMap { ["-c", $0] })
            #expect(!output.contains("failed"), "\(output)")
        }

        /// The image's content as qemu reads the file.
        func content(_ name: String) throws -> Data {
            let raw = folder + "/content-\(UUID().uuidString)"
            let format = name.hasSuffix("vhdx") ? "vhdx" : name.hasSuffix("vhd") ? "vpc" : "raw"
            try tool("qemu-img", ["convert", "-f", format, "-O", "raw", folder + "/" + name, raw])
            return try Data(contentsOf: URL(fileURLWithPath: raw))
        }

        func server() throws -> pid_t {
            let text = try Data(contentsOf: shell.store.appendingPathComponent("Mounts/0/mount.json"))
            struct Record: Decodable { var processId: Int32 }
            return try JSONDecoder().decode(Record.self, from: text).processId
        }
    }

    @Test(
        "qemu-io writes through the server; after Dismount-VHD qemu reads the same from the file", arguments: ["a.vhdx", "a.vhd", "a.raw"])
    func written(name: String) throws {
        let bench = try Bench()
        defer { bench.clean() }
        if name == "a.raw" {
            try Data(count: 64 << 20).write(to: URL(fileURLWithPath: bench.folder + "/a.raw"))
        } else {
            try bench.succeed("New-VHD '\(bench.folder)/\(name)' 64MB")
        }
        let uri = try bench.mount(name)
        #expect(try bench.succeed("d = Get-VHD '\(bench.folder)/\(name)'; print(d.Attached, d.DiskNumber)") == "true\t0")
        try bench.write(uri, "write -P 0x5a 0 1M", "write -P 0x11 3M 64k", "write -P 0x77 1000 700", "write -z 512k 128k", "flush")
        let throughServer = bench.folder + "/through"
        try bench.tool("qemu-img", ["convert", "-f", "raw", "-O", "raw", uri, throughServer])
        try bench.succeed("Get-VHD '\(bench.folder)/\(name)' | Dismount-VHD")
        var expected = Data(count: 64 << 20)
        expected.replaceSubrange(0..<1 << 20, with: Data(repeating: 0x5a, count: 1 << 20))
        expected.replaceSubrange(3 << 20..<3 << 20 + 64 << 10, with: Data(repeating: 0x11, count: 64 << 10))
        expected.replaceSubrange(1000..<1700, with: Data(repeating: 0x77, count: 700))
        expected.replaceSubrange(512 << 10..<640 << 10, with: Data(count: 128 << 10))
        #expect(try Data(contentsOf: URL(fileURLWithPath: throughServer)) == expected)
        #expect(try bench.content(name).prefix(64 << 20) == expected)
        #expect(try bench.succeed("d = Get-VHD '\(bench.folder)/\(name)'; print(d.Attached, d.DiskNumber)") == "false\tnil")
        try bench.fails("Dismount-VHD '\(bench.folder)/\(name)'", "DiskNotMounted")
    }

    @Test("A VM does not start on a mounted disk, nor is a running VM's disk mounted")
    func exclusion() throws {
        let bench = try Bench()
        defer { bench.clean() }
        let path = bench.folder + "/a.vhdx"
        try bench.succeed("New-VHD '\(path)' 64MB")
        try bench.shell.makeMachine("m", running: .counting)
        try bench.succeed("Add-VMHardDiskDrive m -Path '\(path)'; Mount-VHD '\(path)'")
        try bench.fails("Start-VM m", "DiskInUse")
        try bench.fails("Mount-VHD '\(path)'", "DiskMounted")
        try bench.fails("Resize-VHD '\(path)' 80MB", "DiskInUse")
        try bench.succeed("Dismount-VHD -DiskNumber 0; Start-VM m")
        try bench.fails("Mount-VHD '\(path)'", "DiskInUse")
        try bench.fails("Dismount-VHD '\(path)'", "DiskNotMounted")
        try bench.fails("Dismount-VHD -DiskNumber 0", "DiskNotMounted")
        try bench.succeed("Stop-VM m -TurnOff -Force")
    }

    @Test("-ReadOnly refuses writes and leaves every byte of the file; a child and its parent are served as one disk")
    func readOnlyChain() throws {
        let bench = try Bench()
        defer { bench.clean() }
        try bench.succeed("New-VHD '\(bench.folder)/p.vhdx' 64MB")
        var uri = try bench.mount("p.vhdx")
        try bench.write(uri, "write -P 0x21 0 2M")
        try bench.succeed(
            "Dismount-VHD '\(bench.folder)/p.vhdx'; New-VHD '\(bench.folder)/c.vhdx' -ParentPath '\(bench.folder)/p.vhdx' -Differencing")
        uri = try bench.mount("c.vhdx")
        try bench.write(uri, "read -P 0x21 0 2M", "write -P 0x22 1M 1M", "read -P 0x21 0 1M")
        try bench.fails("Mount-VHD '\(bench.folder)/p.vhdx'", "DiskInUse")
        try bench.succeed("Dismount-VHD '\(bench.folder)/c.vhdx'")
        let before = try Data(contentsOf: URL(fileURLWithPath: bench.folder + "/c.vhdx"))
        uri = try bench.mount("c.vhdx", "-ReadOnly")
        #expect(try bench.succeed("print(Get-VHD('\(bench.folder)/c.vhdx').Attached)") == "true")
        #expect(try bench.tool("qemu-io", ["-r", "-f", "raw", uri, "-c", "read -P 0x22 1M 1M"]).contains("read 1048576"))
        try bench.tool("qemu-io", ["-f", "raw", uri, "-c", "write 0 512"], status: 1)
        try bench.succeed("Dismount-VHD -DiskNumber 0")
        #expect(try Data(contentsOf: URL(fileURLWithPath: bench.folder + "/c.vhdx")) == before)
    }

    @Test("A server that is killed loses nothing that was flushed; Get-VHD, Dismount-VHD and Mount-VHD cope")
    func killed() throws {
        let bench = try Bench()
        defer { bench.clean() }
        let path = bench.folder + "/a.vhdx"
        try bench.succeed("New-VHD '\(path)' 64MB")
        var uri = try bench.mount("a.vhdx")
        try bench.write(uri, "write -P 0x5a 5M 3M", "flush")
        kill(try bench.server(), SIGKILL)
        #expect(Deadline.reached(within: 10) { (try? bench.shell.value("Get-VHD('\(path)').Attached")) == "false" })
        try bench.fails("Dismount-VHD '\(path)'", "DiskNotMounted")
        #expect(!FileManager.default.fileExists(atPath: bench.shell.store.path + "/Mounts/0"))
        uri = try bench.mount("a.vhdx")
        try bench.write(uri, "read -P 0x5a 5M 3M", "read -P 0 0 5M")
        kill(try bench.server(), SIGKILL)
        #expect(Deadline.reached(within: 10) { (try? bench.shell.value("Get-VHD('\(path)').Attached")) == "false" })
        // What a killed server has left does not stand in the way.
        _ = try bench.mount("a.vhdx")
        try bench.succeed("Dismount-VHD '\(path)'")
        #expect(try bench.content("a.vhdx")[5 << 20..<8 << 20] == Data(repeating: 0x5a, count: 3 << 20))
    }

    @Test("What was written is in the file when the host stops: by SIGTERM, and by `lunavisor host stop`", arguments: [true, false])
    func hostStops(bySignal: Bool) throws {
        let bench = try Bench()
        defer { bench.clean() }
        let path = bench.folder + "/a.vhdx"
        try bench.succeed("New-VHD '\(path)' 64MB")
        let uri = try bench.mount("a.vhdx")
        try bench.write(uri, "write -P 0x5a 5M 3M")
        if bySignal {
            kill(try bench.server(), SIGTERM)
            #expect(Deadline.reached(within: 10) { (try? bench.shell.value("Get-VHD('\(path)').Attached")) == "false" })
        } else {
            let outcome = try bench.shell.run(["host", "stop"])
            #expect(outcome.status == 0 && outcome.output == "\(path): dismounted\n", "\(outcome.output)\(outcome.errors)")
        }
        #expect(try bench.content("a.vhdx")[5 << 20..<8 << 20] == Data(repeating: 0x5a, count: 3 << 20))
        #expect(try bench.succeed("print(Test-VHD '\(path)')") == "true")
        _ = try bench.mount("a.vhdx")
        try bench.succeed("Dismount-VHD '\(path)'")
    }
}

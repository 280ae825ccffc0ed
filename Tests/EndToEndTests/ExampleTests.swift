import Foundation
import TestSupport
import Testing

/// The programs in Scripts/Examples do what their first lines say. (quickstart.lua, debian-server.lua, golden-server.lua: AcceptanceTests, ServerTests.)
@Suite("Examples", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct ExampleTests {
    private static let folder = BuiltShell.repository.appendingPathComponent("Scripts/Examples")

    /// Runs an example to its end; what it printed.
    @discardableResult
    private func run(
        _ name: String, _ arguments: [String] = [], in shell: BuiltShell, status: Int32 = 0, within seconds: Double = 120
    ) throws -> String {
        let end = try shell.begin([Self.folder.appendingPathComponent(name).path] + arguments).end(within: seconds)
        #expect(end.ending == .exited(status), "\(name)\n\(end.output)\n\(end.errors)")
        if status == 0 { #expect(end.errors == "", "\(name)") }
        return end.output
    }

    private func make(_ commands: String, in shell: BuiltShell) throws {
        let outcome = try shell.command(commands)
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    /// A place for files beside the store's machines.
    private func path(_ name: String, in shell: BuiltShell) throws -> String {
        let folder = shell.store.appendingPathComponent("test-files")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appendingPathComponent(name).path
    }

    @Test("each example is run by a test")
    func complete() throws {
        let covered: Set<String> = [
            "architectures.lua", "capacity.lua", "debian-server.lua", "golden-image.lua", "golden-server.lua", "housekeeping.lua",
            "inventory.lua", "lab.lua",
            "network-report.lua",
            "nightly-export.lua", "quickstart.lua", "rolling-restart.lua", "scheduled-start.lua", "snapshot-rotation.lua", "watch.lua",
        ]
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)) == covered)
        for name in covered {
            let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
            #expect(text.hasPrefix("-- "), "\(name) says first what it is for")
        }
    }

    @Test func inventory() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let file = try path("inventory.csv", in: shell)
        try make(
            "New-VMSwitch lan -SwitchType Private | Out-Null; New-VM b -NoVHD -SwitchName lan | Out-Null; New-VM a -NewVHDPath \(shell.store.path)/a.vhdx -NewVHDSizeBytes 16MB | Out-Null",
            in: shell)
        #expect(try run("inventory.lua", [file], in: shell).contains("2 virtual machines"))
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(lines.count == 3)
        #expect(lines[0].contains("Name") && lines[0].contains("MemoryMB") && lines[0].contains("DiskBytes"), "\(lines)")
        #expect(lines[1].contains("a") && lines[2].contains("lan"), "\(lines)")
    }

    @Test("architectures.lua compares and harms", .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
    func architectures() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let output = try run("architectures.lua", ["64"], in: shell, within: 300)
        let rows = output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        func figure(_ architecture: String, _ work: String, _ column: Int) -> Double? {
            rows.first { $0.count == 8 && $0[0] == architecture && $0[1] == work }.flatMap { Double($0[column]) }
        }
        // A read is one system call, in a process of its own some more; moved word by word, it is 2,048 ports' accesses.
        #expect((0.9..<1.5).contains(figure("Microkernel", "DiskRead", 7) ?? 0), "\(output)")
        #expect((figure("DriverDomain", "DiskRead", 6) ?? 0) >= 2 && figure("Microkernel", "DiskRead", 6) == 0)
        #expect((figure("TrapAndEmulate", "DiskRead", 5) ?? 0) > 2048)
        // Who survives the end of the process that serves the first one's disk.
        func survivors(_ architecture: String) -> [Bool] {
            rows.filter { $0.count >= 4 && $0[0] == architecture && $0[1].hasPrefix("tour-") }.map { $0[3].lowercased() == "true" }
        }
        #expect(survivors("Microkernel") == [false, true] && survivors("Monolithic") == [false, true])
        #expect(survivors("DriverDomain") == [true, true] && survivors("Hosted") == [false, false])
    }

    @Test func rollingRestart() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        for name in ["web1", "web2", "db"] { try shell.makeMachine(name, running: .saying("login: \n")) }
        try make("Start-VM web1, web2", in: shell)
        let before = try shell.value("#(Get-VMEvent web1)")
        let output = try run("rolling-restart.lua", ["web*"], in: shell)
        #expect(output.contains("1 of 2: web1") && output.contains("2 virtual machines were restarted"), "\(output)")
        #expect(try shell.value("#(Get-VMEvent web1)") > before)
        #expect(try shell.value("(Get-VM db).State") == "Off")
    }

    /// A folder for disks.
    private func makeDisks(in shell: BuiltShell) throws -> String {
        let folder = try path("disks", in: shell)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test func lab() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let disks = try makeDisks(in: shell)
        try make("Set-VMHost -VirtualHardDiskPath '\(disks)'", in: shell)
        #expect(try run("lab.lua", ["build", "2", "test"], in: shell).contains("test-02"))
        // Again: what is there stays.
        try run("lab.lua", ["build", "3", "test"], in: shell)
        #expect(try shell.value("#(Get-VM 'test-*')") == "3")
        #expect(try shell.value("#(Get-VM | Get-VMNetworkAdapter | ? SwitchName -eq test)") == "3")
        #expect(try run("lab.lua", ["remove", "test"], in: shell).contains("removed 3 servers"))
        #expect(try shell.value("#(Get-VM) + #(Get-VMSwitch)") == "0")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disks).isEmpty)
    }

    @Test func goldenImage() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let image = try path("golden.vhdx", in: shell)
        try make("New-VHD -Path '\(image)' -SizeBytes 64MB -Dynamic | Out-Null", in: shell)
        #expect(try run("golden-image.lua", [image, "node", "2"], in: shell).contains("node-02"))
        #expect(try shell.value("#(Get-VM 'node-*')") == "2")
        #expect(try shell.value("(Get-VHD '\(try path("node-01.vhdx", in: shell))').ParentPath") == image)
        try run("golden-image.lua", [], in: shell, status: 2)
    }

    @Test func nightlyExport() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = try path("exports", in: shell)
        try make("New-VM a -NoVHD | Out-Null; New-VM b -NoVHD | Out-Null", in: shell)
        for round in 1...3 {
            try run("nightly-export.lua", [folder, "2"], in: shell)
            let nights = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(nights.count == min(round, 2), "\(nights)")
            for night in nights { #expect(Set(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(night)")) == ["a", "b"]) }
            // The next night's name is another.
            let now = Date().timeIntervalSince1970.rounded(.down)
            _ = Deadline.reached(within: 3) { Date().timeIntervalSince1970.rounded(.down) > now }
        }
    }

    @Test func watch() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .counting)
        try make("Start-VM a", in: shell)
        let worker = try shell.worker(of: "a")
        let running = try shell.begin([Self.folder.appendingPathComponent("watch.lua").path, "*", "8"])
        // It must have seen it running.
        usleep(1_500_000)
        kill(worker, SIGKILL)
        let end = running.end(within: 60)
        #expect(end.ending == .exited(0))
        #expect(end.output.contains("a died") && end.output.contains("a is started again"), "\(end.output)\n\(end.errors)")
        #expect(try shell.value("(Get-VM a).State") == "Running")
    }

    @Test func snapshotRotation() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try make("New-VM a -NoVHD | Out-Null; Checkpoint-VM a mine", in: shell)
        for _ in 1...3 { try run("snapshot-rotation.lua", ["a", "2"], in: shell) }
        #expect(try shell.value("#(Get-VMSnapshot a)") == "3")
        #expect(try shell.value("#(Get-VMSnapshot a | ? Name -eq mine)") == "1")
    }

    @Test func reports() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        #expect(try run("capacity.lua", in: shell).contains("0 virtual machines"))
        let disks = try makeDisks(in: shell)
        try make("Set-VMHost -VirtualHardDiskPath '\(disks)'; New-VMSwitch lan -SwitchType Private | Out-Null", in: shell)
        try make(
            "New-VM a -NewVHDPath a.vhdx -NewVHDSizeBytes 16MB -SwitchName lan -MemoryStartupBytes 3GB | Out-Null; New-VM b -NoVHD | Out-Null",
            in: shell)
        try make("New-VHD '\(disks)/loose.vhdx' -SizeBytes 16MB -Dynamic | Out-Null; Checkpoint-VM a old", in: shell)
        let capacity = try run("capacity.lua", in: shell)
        #expect(capacity.contains("2 virtual machines, 0 running") && capacity.contains("3.0 GiB"), "\(capacity)")
        let house = try run("housekeeping.lua", ["-1"], in: shell)
        #expect(
            house.contains("loose.vhdx") && !house.contains("/a.vhdx") && house.contains("  b\n") && house.contains("a: old"), "\(house)")
        let end = try shell.begin([Self.folder.appendingPathComponent("network-report.lua").path]).end(within: 60)
        #expect(end.output.contains("lan (Private)\n    a "), "\(end.output)")
        #expect(end.errors.contains("of b hangs on no switch"), "\(end.errors)")
    }

    @Test func scheduledStart() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        for name in ["web", "db", "cache", "other"] { try shell.makeMachine(name, running: .saying("login: \n")) }
        try make("Set-VM web -Notes 'needs: db, cache'; Set-VM cache -Notes 'needs: db'", in: shell)
        let output = try run("scheduled-start.lua", in: shell)
        #expect(output == "db is ready\ncache is ready\nweb is ready\n")
        #expect(try shell.value("(Get-VM other).State") == "Off")
        try make("Stop-VM web, db, cache -TurnOff -Force; Set-VM db -Notes 'needs: web'", in: shell)
        let end = try shell.begin([Self.folder.appendingPathComponent("scheduled-start.lua").path]).end(within: 60)
        #expect(end.ending == .exited(1) && end.errors.contains("they need each other"), "\(end.errors)")
    }
}

import Foundation
import TestSupport
import Testing

/// Moves of storage that are cut off by SIGKILL at random moments.
@Suite("Moves of storage that are killed", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct StorageMoveKillTests {
    /// A machine with a disk of random content under two checkpoints, and what it must read as.
    private struct Bench {
        let shell: BuiltShell
        let folder: String
        let content: Data

        init() throws {
            shell = try #require(try BuiltShell())
            folder = shell.store.path + ".files"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            var bytes = [UInt8](repeating: 0, count: 48 << 20)
            // Every other MiB is a hole.
            for block in stride(from: 0, to: 48, by: 2) {
                for index in stride(from: 0, to: 1 << 20, by: 64) { bytes[block << 20 + index] = .random(in: 1...255) }
            }
            content = Data(bytes)
            try content.write(to: URL(fileURLWithPath: folder + "/content.raw"))
            try succeed("Convert-VHD '\(folder)/content.raw' '\(folder)/disk.vhdx' -VHDType Dynamic")
            try shell.makeMachine("m", running: .counting)
            try succeed("Add-VMHardDiskDrive m -Path '\(folder)/disk.vhdx'; Checkpoint-VM m one; Checkpoint-VM m two")
        }

        func succeed(_ commands: String) throws {
            let outcome = try shell.command(commands)
            try #require(outcome.status == 0, "\(commands): \(outcome.errors)")
        }

        /// The disk's content as another program of ours reads it, and that nothing lies anywhere that the machine does not have.
        func check(_ round: Int) throws {
            try succeed("if (Get-VM m).State == 'Running' then Stop-VM m -TurnOff -Force end")
            let path = try shell.value("(Get-VMHardDiskDrive m)[1].Path")
            #expect(try shell.value("Test-VHD '\(path)'") == "true", "round \(round)")
            try? FileManager.default.removeItem(atPath: folder + "/read.raw")
            try succeed("Convert-VHD '\(path)' '\(folder)/read.raw'")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/read.raw")) == content, "round \(round)")
            let listing = try shell.command("Get-VMFile m -Kind Disk, Image | ForEach-Object { print($_.Path) }").output
            let own = listing.split(separator: "\n").map(String.init)
            var found: [String] = []
            for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init() where name.contains("vhdx") {
                found.append(folder + "/" + name)
            }
            #expect(Set(found) == Set(own), "round \(round)")
            #expect(own.count == 3, "round \(round)")
        }

        func clean() {
            shell.clean()
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    @Test("of a machine that is off: nothing is lost, and its next start leaves no file that it does not have")
    func off() throws {
        let bench = try Bench()
        defer { bench.clean() }
        // How long one takes tells where to cut.
        let began = Date()
        try bench.succeed("Move-VMStorage m '\(bench.folder)/first'")
        let whole = Date().timeIntervalSince(began)
        var cuts = 0
        for round in 0..<24 {
            let shell = try bench.shell.begin(["-c", "Move-VMStorage m '\(bench.folder)/\(round)'"])
            usleep(UInt32(whole * .random(in: 0.02...1) * 1e6))
            shell.process.signal(SIGKILL)
            if shell.end(within: 10).ending == .killed(by: SIGKILL) { cuts += 1 }
            try bench.succeed("Start-VM m")
            try bench.check(round)
        }
        #expect(cuts > 0)
    }

    @Test("of a running machine, worker or shell: the machine has its files, or the new ones")
    func running() throws {
        let bench = try Bench()
        defer { bench.clean() }
        try bench.succeed("Start-VM m")
        let began = Date()
        try bench.succeed("Move-VMStorage m '\(bench.folder)/first'")
        let whole = Date().timeIntervalSince(began)
        for round in 0..<16 {
            let worker = try bench.shell.worker(of: "m")
            let shell = try bench.shell.begin(["-c", "Move-VMStorage m '\(bench.folder)/\(round)'"])
            usleep(UInt32(whole * .random(in: 0.02...1) * 1e6))
            if round % 2 == 0 { kill(worker, SIGKILL) } else { shell.process.signal(SIGKILL) }
            _ = shell.end(within: 20)
            // The worker goes on without the shell.
            #expect(try Deadline.reached(within: 60) { try !bench.shell.value("(Get-VM m).Status").contains("Moving") })
            if round % 2 == 0 { try bench.succeed("Start-VM m") }
            try bench.check(round)
            try bench.succeed("Start-VM m")
        }
    }
}

import Foundation
import TestSupport
import Testing

/// Workers and shells that are killed at random moments of a run that makes checkpoints, goes back, merges, clones, exports and imports
/// while the guest writes.
///
/// LUNAVISOR_KILL_MOMENTS is how many moments there are (6), LUNAVISOR_KILL_SEED which they are (drawn and printed).
@Suite(
    "Runs that are killed", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
struct KilledRunTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }

    private enum Victim: String, CaseIterable { case shells, workers, all }

    private static func number(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

    @Test("every later command works, the disks are whole, nothing that was written is lost and no file is left over")
    func moments() throws {
        let seed = Self.number("LUNAVISOR_KILL_SEED") ?? UInt64.random(in: 1..<1_000_000)
        let count = Int(Self.number("LUNAVISOR_KILL_MOMENTS") ?? 6)
        print("LUNAVISOR_KILL_SEED=\(seed)")
        var random = Random(state: seed)
        let run = try KilledRun()
        defer { run.clean() }
        var (kills, checkedNumbers) = ([Victim: Int](), 0)
        for round in 1...count {
            let victim = try #require(Victim.allCases.randomElement(using: &random))
            let name = "moment \(round) of seed \(seed), \(victim.rawValue)"
            let shell = try run.begin(seed: Int.random(in: 1..<1_000_000, using: &random))
            // Most steps take less than this.
            usleep(UInt32.random(in: 50_000..<3_000_000, using: &random))
            if victim != .workers { try run.killShells() }
            if victim != .shells { try run.killWorkers() }
            var failures: [String] = []
            if victim == .workers {
                // What was under way may fail, and nothing after it.
                let done = run.steps(of: shell).count
                let goesOn = Deadline.reached(within: 60) { run.steps(of: shell).count > done + 3 }
                #expect(goesOn, "\(name): the shell hangs\n\(shell.output)")
                failures = run.failures(of: shell)
                try run.killShells()
            }
            let end = shell.end(within: 10)
            #expect(failures.count <= 1, "\(name): \(failures)\n\(end.output)")
            kills[victim, default: 0] += 1
            if try run.check(name, goingBack: KilledRun.isGoingBack(end.output)) { checkedNumbers += 1 }
        }
        try run.checkEnd()
        let totals = kills.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", ")
        print("killed: \(totals); \(checkedNumbers) times the guest's last write was looked for")
    }
}

/// A machine that a script works on, and what must be true of it whatever is killed.
private struct KilledRun {
    private static let mebibyte = 1 << 20
    /// MiB of the disk that nobody writes, and in all.
    private static let fixed = 24, whole = 32

    let shell: BuiltShell
    private let folder: String
    private let script: String
    private let content: Data

    init() throws {
        shell = try #require(try BuiltShell())
        let guest = try #require(BuiltShell.guest)
        folder = shell.store.path + ".files"
        script = folder + "/run.lua"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Self.steps.write(toFile: script, atomically: true, encoding: .utf8)
        var bytes = [UInt8](repeating: 0, count: Self.whole * Self.mebibyte)
        for index in stride(from: 0, to: Self.fixed * Self.mebibyte, by: 512) where index / Self.mebibyte % 3 != 2 {
            bytes[index] = .random(in: 1...255)
        }
        content = Data(bytes)
        try content.write(to: URL(fileURLWithPath: folder + "/content.raw"))
        try succeed(
            """
            Convert-VHD '\(folder)/content.raw' '\(folder)/disk.vhdx' -VHDType Dynamic
            New-VM m 128MB -VHDPath '\(folder)/disk.vhdx' -KernelPath '\(guest)/vmlinuz' -InitialRamdiskPath '\(guest)/initrd.img' \
            -KernelArguments 'console=ttyS0 quiet panic=-1 cryptomgr.notests'
            Set-VM m -CheckpointType Standard; Start-VM m; Wait-VM m -For Console -Pattern '== ready ==' -Timeout 240
            Send-VMConsole m 'until [ -b /dev/sda ]; do usleep 100000; done\\n'
            Send-VMConsole m '(i=0; while :; do i=$((i+1)); echo $i | dd of=/dev/sda bs=512 seek=$((49152+i%4096)) conv=fsync,notrunc \
            2>/dev/null && echo number $i.; usleep 20000; done) &\\n'
            Wait-VM m -For Console -Pattern 'number 3[.]' -Timeout 60
            Checkpoint-VM m booted
            """)
    }

    func clean() {
        shell.clean()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private var second: String { folder + "/second" }

    private func succeed(_ commands: String, _ name: String = "") throws {
        let outcome = try shell.command(commands)
        try #require(outcome.status == 0, "\(name): \(commands)\n\(outcome.errors)")
    }

    // MARK: The run

    /// Steps in a random order, for ever; each says its name before it begins, and what went wrong.
    private static let steps = """
        math.randomseed(tonumber(arg[1]))
        local folder, number = arg[2], 0
        local function say(text) io.write(text, "\\n") io.flush() end
        local function others()
            local found = {}
            for s in Get-VMSnapshot("m") do if s.Name ~= "booted" then found[#found + 1] = s end end
            return found
        end
        -- While disks are merged no checkpoint is made, and no export of a VM that runs.
        local function untilMerged() while Get-VM("m").Status:find("Merging") do Start-Sleep(0.02) end end
        local function back(s)
            Restore-VMSnapshot{ VMSnapshot = s, Confirm = false }
            Start-VM("m")
            number = number + 1
            -- Meanwhile it writes on from there.
            Send-VMConsole("m", 'usleep 300000; echo ali""ve' .. number .. "-" .. arg[1] .. "\\n")
            Wait-VM{ Name = "m", For = "Console", Pattern = "alive" .. number .. "-" .. arg[1], Timeout = 120 }
        end
        local steps = {
            checkpoint = function()
                untilMerged()
                if #others() < 6 then Checkpoint-VM{ Name = "m", SnapshotName = "c" } end
            end,
            remove = function()
                local all = others()
                if #all > 0 then Remove-VMSnapshot{ VMSnapshot = all[math.random(#all)] } end
            end,
            back = function()
                local all = others()
                all[#all + 1] = Get-VMSnapshot{ VMName = "m", Name = "booted" }
                back(all[math.random(#all)])
            end,
            save = function() Save-VM("m") Start-VM("m") end,
            clone = function()
                New-VM{ Name = "x", FromCheckpoint = Get-VMSnapshot{ VMName = "m", Name = "booted" }, Count = 2 }
                Start-VM("x-1")
                Checkpoint-VM("x-1", "of the clone")
                Stop-VM("x-1", { TurnOff = true, Force = true })
                Remove-VM({ "x-1", "x-2" }, { Force = true })
            end,
            rename = function()
                local all = others()
                if #all > 0 then Rename-VMSnapshot{ VMSnapshot = all[1], NewName = "d" } end
            end,
            transfer = function()
                os.execute("rm -rf '" .. folder .. "/exports'")
                untilMerged()
                Export-VM("m", folder .. "/exports")
                local shell = io.popen("readlink /proc/$PPID/exe"):read("l")
                local done = os.execute("'" .. shell .. "' --store '" .. folder .. "/second' -c \\"Import-VM '" .. folder
                    .. "/exports/m' -Copy -GenerateNewId -VhdDestinationPath '" .. folder .. "/disks' | Remove-VM -Force -DeleteDisks\\"")
                if not done then error("the import failed") end
            end,
        }
        local names = { "checkpoint", "checkpoint", "remove", "remove", "back", "save", "clone", "rename", "transfer" }
        while true do
            local name = names[math.random(#names)]
            local state = Get-VM("m").State
            say("step " .. name)
            local done, reason = pcall(function()
                if state ~= "Running" then
                    for x in Get-VM("x*") do
                        if x.State ~= "Off" then Stop-VM(x, { TurnOff = true, Force = true }) end
                        Remove-VM(x, { Force = true })
                    end
                    say("step back")
                    back(Get-VMSnapshot{ VMName = "m", Name = "booted" })
                end
                steps[name]()
            end)
            if not done then say("failed " .. name .. ": " .. tostring(reason)) end
        end
        """

    func begin(seed: Int) throws -> RunningShell { try shell.begin([script, String(seed), folder]) }

    func steps(of shell: RunningShell) -> [Substring] { shell.output.split(separator: "\n").filter { $0.hasPrefix("step ") } }

    func failures(of shell: RunningShell) -> [String] {
        shell.output.split(separator: "\n").filter { $0.hasPrefix("failed ") }.map(String.init)
    }

    /// The last step goes back, or fails after it had the guest gone: what the guest wrote last need not be there.
    static func isGoingBack(_ output: String) -> Bool {
        let lines = output.split(separator: "\n")
        return lines.last == "step back" || lines.last?.hasPrefix("failed") == true
    }

    // MARK: The kills

    /// Every process that works on our stores and is no worker.
    func killShells() throws {
        let mark = shell.store.path
        for process in try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap({ pid_t($0) }) {
            guard let text = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { continue }
            let words = text.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if words.first?.hasSuffix("lunavisor") == true, words.contains(where: { $0.hasPrefix(mark) }) { kill(process, SIGKILL) }
        }
    }

    func killWorkers() throws {
        struct Record: Decodable { var processId: pid_t }
        let machines = shell.store.path + "/vms"
        for name in try FileManager.default.contentsOfDirectory(atPath: machines) {
            guard let data = FileManager.default.contents(atPath: "\(machines)/\(name)/run.json"),
                let record = try? JSONDecoder().decode(Record.self, from: data)
            else { continue }
            kill(record.processId, SIGKILL)
        }
    }

    // MARK: What must be true then

    /// True when the number that the guest wrote last was looked for.
    func check(_ name: String, goingBack: Bool) throws -> Bool {
        try succeed("Get-VM; Get-VMSnapshot m; Get-VMFile", name)
        let outcome = try ForeignProgram.run(
            BuiltShell.executable ?? "", ["--store", second, "-c", "Get-VM | Remove-VM -Force -DeleteDisks"],
            environment: ProcessInfo.processInfo.environment)
        try #require(outcome.status == 0, "\(name): \(outcome.errors)")
        try? FileManager.default.removeItem(atPath: folder + "/exports")
        // A worker goes on with what a shell asked it for.
        let busy = "#(Get-VM | Where-Object { $_.State -match 'ing$' -and $_.State -ne 'Running' })"
        #expect(try Deadline.reached(within: 60) { try shell.value(busy) == "0" }, "\(name): a state does not end")
        try succeed("Get-VM | Where-Object State -ne Off | Stop-VM -TurnOff -Force; Get-VM x* | Remove-VM -Force", name)
        let console = try shell.value("table.concat(Receive-VMConsole{ VMName = 'm', Tail = 40 }, '\\n')")
        let last = console.matches(of: #/number (\d+)\./#).last.flatMap { Int($0.1) }
        let disk = try read("(Get-VMHardDiskDrive m)[1].Path", name)
        if !goingBack, let last { #expect(Self.number(last, in: disk) >= last, "\(name): the guest wrote \(last)") }
        // The next start goes on with what was cut off.
        try succeed("Start-VM m", name)
        #expect(
            try Deadline.reached(within: 120) { try shell.value("(Get-VM m).Status") == "Operating normally" }, "\(name): it is not merged")
        try succeed("Stop-VM m -TurnOff -Force", name)
        for index in 1...max(1, Int(try shell.value("#Get-VMSnapshot('m')")) ?? 0) {
            _ = try read("(Get-VMHardDiskDrive(Get-VMSnapshot('m')[\(index)]))[1].Path", name)
        }
        try succeed("Restore-VMSnapshot booted m -Confirm:$false; Start-VM m", name)
        return !goingBack && last != nil
    }

    /// The disk that an expression names, all of it; it is whole, and what nobody writes is as it was.
    private func read(_ expression: String, _ name: String) throws -> Data {
        let raw = folder + "/read.raw"
        try? FileManager.default.removeItem(atPath: raw)
        let path = try shell.value(expression)
        #expect(try shell.value("Test-VHD '\(path)'") == "true", "\(name): \(path)")
        try succeed("Convert-VHD '\(path)' '\(raw)'", name)
        let data = try Data(contentsOf: URL(fileURLWithPath: raw))
        let end = Self.fixed * Self.mebibyte
        #expect(data.count == content.count && data[..<end] == content[..<end], "\(name): \(path) is not as it was")
        return data
    }

    /// The greatest number that the disk holds.
    private static func number(_ last: Int, in disk: Data) -> Int {
        let place = (49_152 + last % 4_096) * 512
        return Int(String(decoding: disk[place..<place + 512].prefix { $0 != 10 && $0 != 0 }, as: UTF8.self)) ?? 0
    }

    /// All is merged, nothing is left that nothing refers to, and the disk is the one that was there first.
    func checkEnd() throws {
        try succeed("Stop-VM m -TurnOff -Force; Remove-VMSnapshot m")
        let orphans = try shell.command("Get-VMFile -Orphan").output
        #expect(try shell.value("#Get-VMFile{ Orphan = true }") == "0", "\(orphans)")
        #expect(try shell.value("(Get-VMHardDiskDrive m)[1].Path") == folder + "/disk.vhdx")
        let images = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains(".avhdx") }
        #expect(images.isEmpty)
        let memory = (try? FileManager.default.contentsOfDirectory(atPath: try shell.value("(Get-VM m).Path") + "/checkpoints")) ?? []
        #expect(memory.isEmpty)
    }
}

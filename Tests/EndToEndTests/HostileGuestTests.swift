import Foundation
import TestSupport
import Testing

/// Guests that attack the host through VMBus (Tests/GuestPrograms/HyperV/hostile.asm): the others on the host go on, the attacker's worker
/// neither dies nor grows nor fills its log, and the VM can be stopped in the middle of it.
@Suite(
    "Hostile guests", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: Assembler.isInstalled, "nasm is not installed"))
struct HostileGuestTests {
    /// Megabytes that a hostile guest's worker may take at most, its guest's 64 included; 60 were seen.
    private static let memoryLimit = 160
    /// Rounds that a test waits for; `LUNAVISOR_HOSTILE_ROUNDS` for more.
    private static let rounds = ProcessInfo.processInfo.environment["LUNAVISOR_HOSTILE_ROUNDS"].flatMap { Int($0) } ?? 100

    @discardableResult
    private func run(_ shell: BuiltShell, _ commands: String, within seconds: Double = 120) throws -> String {
        let end = try shell.begin(["-c", commands]).end(within: seconds)
        try #require(end.ending == .exited(0), "\(commands)\n\(end.output)\n\(end.errors)")
        return end.output
    }

    /// A machine that attacks, with everything a machine can have on its bus.
    private func makeAttacker(_ shell: BuiltShell, _ name: String, seed: Int, more: String = "") throws {
        let image = try Assembler.assemble("HyperV/hostile.asm", defining: ["ROUNDS": Self.rounds, "SEED": seed])
        let kernel = try shell.file("\(name).bin", image)
        let disk = try shell.file("\(name).raw", [UInt8](repeating: 0, count: 4 << 20))
        try run(
            shell,
            "New-VM \(name) -NoVHD -MemoryStartupBytes 64MB -KernelPath '\(kernel)' | Out-Null; Set-VMProcessor \(name) -Count 2; "
                + "Add-VMHardDiskDrive \(name) -Path '\(disk)'; \(more)")
    }

    /// The most memory that a process ever had, in megabytes.
    private func peak(of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1])) / 1024
    }

    private func checkAttacker(_ shell: BuiltShell, _ name: String, worker: pid_t) throws {
        let text = try run(shell, "Receive-VMConsole \(name)")
        #expect(text.contains("hostile: all rounds done") && !text.contains("no answer"), "\(text)")
        #expect(try shell.value("(Get-VM \(name)).State") == "Running")
        #expect(try shell.worker(of: name) == worker)
        #expect(try peak(of: worker) < Self.memoryLimit)
        // The first few complaints say what was refused; the rest is one line.
        let complaints = try run(shell, "Get-VMEvent \(name) | ? Kind -eq ServiceTrouble | Format-List")
        #expect(complaints.contains("GPADL") || complaints.contains("channel"), "\(complaints)")
        let count = try #require(Int(try shell.value("#(Get-VMEvent \(name))")))
        #expect(count <= 40)
        #expect(try shell.value("#(Get-VMEvent \(name) | ? Level -eq Critical)") == "0")
        try run(shell, "Stop-VM \(name) -TurnOff -Force", within: 30)
        #expect(try shell.value("(Get-VM \(name)).State") == "Off")
        #expect(Deadline.reached(within: 10) { kill(worker, 0) != 0 })
    }

    @Test("counting machines beside two attackers go on; the attackers are bounded and can be stopped", .timeLimit(.minutes(10)))
    func countingNeighbours() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        for name in ["a", "b"] { try shell.makeMachine(name, running: .counting) }
        try makeAttacker(shell, "evil1", seed: 1)
        try makeAttacker(shell, "evil2", seed: 2, more: "Set-VM evil2 -TimeMode Exact")
        try run(shell, "Start-VM a, b, evil1, evil2")
        let workers = try (shell.worker(of: "evil1"), shell.worker(of: "evil2"))
        try run(shell, "Wait-VM evil1, evil2 -For Console -Pattern 'rounds done|no answer' -Timeout 300", within: 320)
        for name in ["a", "b"] {
            let before = try shell.value("(Get-VirtualProcessor \(name)).InstructionsRetired")
            #expect(try Deadline.reached(within: 20) { try shell.value("(Get-VirtualProcessor \(name)).InstructionsRetired") != before })
        }
        try checkAttacker(shell, "evil1", worker: workers.0)
        try checkAttacker(shell, "evil2", worker: workers.1)
        #expect(try shell.value("(Get-VM a).State, (Get-VM b).State") == "Running\tRunning")
    }

    @Test(
        "a Linux guest's disk and network work beside an attacker on the same switch", .timeLimit(.minutes(10)),
        .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
    func workingNeighbour() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = try #require(BuiltShell.guest)
        let disk = try shell.file("good.raw", [UInt8](repeating: 0, count: 16 << 20))
        let work =
            "i=0; while :; do dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null; "
            + "dd if=/tmp/a of=/dev/sda bs=64k seek=$((i%4*32)) oflag=direct 2>/dev/null; "
            + "dd if=/dev/sda of=/tmp/b bs=64k skip=$((i%4*32)) count=32 iflag=direct 2>/dev/null; "
            + "cmp /tmp/a /tmp/b || echo wrong; i=$((i+1)); echo round $i; done"
        try run(
            shell,
            "New-VMSwitch s -SwitchType Private | Out-Null; "
                + "New-VM good -NoVHD -MemoryStartupBytes 128MB -SwitchName s -KernelPath '\(folder)/vmlinuz' "
                + "-InitialRamdiskPath '\(folder)/initrd.img' "
                + "-KernelArguments 'console=ttyS0 quiet panic=-1 cryptomgr.notests command=\"\(work)\"' | Out-Null; "
                + "Add-VMHardDiskDrive good -Path '\(disk)'")
        try makeAttacker(shell, "evil", seed: 3, more: "Get-VMNetworkAdapter evil | Connect-VMNetworkAdapter -SwitchName s")
        try run(shell, "Start-VM good; Wait-VM good -For Console -Pattern 'round 1' -Timeout 120; Start-VM evil")
        let worker = try shell.worker(of: "evil")
        try run(shell, "Wait-VM evil -For Console -Pattern 'rounds done|no answer' -Timeout 300", within: 320)
        // Rounds that began under attack end rightly.
        let reached = try run(shell, "Receive-VMConsole good").components(separatedBy: "round ").count
        try run(shell, "Wait-VM good -For Console -Pattern 'round \(reached + 2)' -Timeout 120")
        let text = try run(shell, "Receive-VMConsole good")
        #expect(!text.contains("wrong") && !text.contains("differ"), "\(text.suffix(2000))")
        try checkAttacker(shell, "evil", worker: worker)
        #expect(try shell.value("(Get-VM good).State") == "Running")
    }
}

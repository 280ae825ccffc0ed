import Foundation
import TestSupport
import Testing

/// The whole way through the house with the Debian guest.
@Suite(
    "Acceptance", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
struct AcceptanceTests {
    /// Runs commands that must succeed; what they printed.
    @discardableResult
    private func run(_ shell: BuiltShell, _ commands: String, within seconds: Double = 120) throws -> String {
        let end = try shell.begin(["-c", commands]).end(within: seconds)
        try #require(end.ending == .exited(0), "\(commands)\n\(end.output)\n\(end.errors)")
        return end.output
    }

    private func makeGuest(_ shell: BuiltShell, _ name: String, _ more: String = "") throws {
        let folder = try #require(BuiltShell.guest)
        try run(
            shell,
            "New-VM \(name) -NoVHD -MemoryStartupBytes 128MB -KernelPath '\(folder)/vmlinuz' "
                + "-InitialRamdiskPath '\(folder)/initrd.img' -KernelArguments 'console=ttyS0 quiet panic=-1 cryptomgr.notests' | Out-Null; "
                + more)
    }

    /// The guest's own uptime in seconds, asked over its console; `tag` marks this answer.
    private func uptime(_ shell: BuiltShell, _ name: String, _ tag: String) throws -> Double {
        // The words as typed do not match the pattern, only the answer does. The quotes are Lua's plain ones: $( is the guest's.
        try run(
            shell,
            "Send-VMConsole \(name) 'echo \(tag)\"\"up=$(cat /proc/uptime)\\n'; "
                + "Wait-VM \(name) -For Console -Pattern '\(tag)up=[0-9]' -Timeout 60")
        let text = try run(shell, "Receive-VMConsole \(name) -Tail 40")
        let line = try #require(text.split(separator: "\n").last { $0.contains(tag + "up=") }, "\(text)")
        let number = try #require(line.components(separatedBy: tag + "up=").last?.split(separator: " ").first)
        return try #require(Double(number))
    }

    @Test("create, start with two processors, talk, save, start again, power off")
    func wholeWay() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try makeGuest(shell, "web", "Set-VMProcessor web -Count 2")
        try run(shell, "Start-VM web; Wait-VM web -For Console -Pattern '== ready ==' -Timeout 100")
        let text = try run(shell, "Receive-VMConsole web")
        #expect(text.contains("Hypervisor detected: Microsoft Hyper-V") && text.contains("processors: 2"), "\(text)")
        #expect(try run(shell, "Get-Partition").contains("web"))

        let before = try uptime(shell, "web", "one")
        let firstWorker = try shell.worker(of: "web")
        try run(shell, "Save-VM web")
        #expect(try shell.value("(Get-VM web).State") == "Saved")
        let saved = Date()
        try run(shell, "Start-VM web")
        #expect(try shell.worker(of: "web") != firstWorker)
        let after = try uptime(shell, "web", "two")
        // The same guest goes on: it has not booted again, and the time it lay saved is not counted.
        #expect(after > before)
        #expect(after < before + Date().timeIntervalSince(saved) + 60)
        #expect(try run(shell, "Receive-VMConsole web").components(separatedBy: "== ready ==").count == 2)

        try run(shell, "Send-VMConsole web \"poweroff\\n\"; Wait-VM web -For Off -Timeout 60")
        #expect(try shell.value("(Get-VM web).State") == "Off")
        #expect(try shell.value("#(Get-VMEvent web | ? Level -eq Critical)") == "0")
        #expect(try run(shell, "Receive-VMConsole web -Tail 40").contains("twoup="))
    }

    @Test("an Exact machine boots, too")
    func exact() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try makeGuest(shell, "exact", "Set-VM exact -TimeMode Exact")
        #expect(try shell.value("(Get-VM exact).TimeMode") == "Exact")
        try run(shell, "Start-VM exact; Wait-VM exact -For Console -Pattern '== ready ==' -Timeout 100")
        try run(shell, "Send-VMConsole exact \"poweroff\\n\"; Wait-VM exact -For Off -Timeout 60")
    }

    @Test(
        "the shipped example and scenario run", arguments: [["Scripts/Examples/quickstart.lua"], ["test", "Scripts/Scenarios/boot.lua"]])
    func shipped(words: [String]) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let file = BuiltShell.repository.appendingPathComponent(try #require(words.last)).path
        let environment = ["LUNAVISOR_GUEST_CACHE": try #require(BuiltShell.guest)]
        let end = try shell.begin(words.dropLast() + [file], environment: environment).end(within: 180)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
        #expect(end.errors == "")
    }
}

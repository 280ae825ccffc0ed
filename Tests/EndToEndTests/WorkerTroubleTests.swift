import Foundation
import TestSupport
import Testing

/// Workers that are killed, stopped, raced for or spoken to in garbage.
@Suite("Workers in trouble", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct WorkerTroubleTests {
    private func instructions(_ shell: BuiltShell, _ name: String) throws -> UInt64 {
        try #require(UInt64(try shell.value("(Get-VirtualProcessor \(name)).InstructionsRetired")))
    }

    private func isCounting(_ shell: BuiltShell, _ name: String) throws -> Bool {
        let before = try instructions(shell, name)
        return try Deadline.reached(within: 10) { try instructions(shell, name) > before }
    }

    @Test("one worker is killed: it alone is Off, its event says why, once")
    func killed() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        for name in ["a", "b", "c"] { try shell.makeMachine(name, running: .counting) }
        #expect(try shell.command("Start-VM a, b, c").status == 0)
        let worker = try shell.worker(of: "b")
        kill(worker, SIGKILL)
        #expect(try Deadline.reached(within: 5) { try shell.value("(Get-VM b).State") == "Off" })
        // Several ask at once; the event is written by one of them.
        let asking = try (0..<4).map { _ in try shell.begin(["-c", "Get-VM | Out-Null; Get-VMEvent b | Out-Null"]) }
        for one in asking { #expect(one.end(within: 20).ending == .exited(0)) }
        let messages = try shell.value("#(Get-VMEvent b | ? Level -eq Critical), (Get-VMEvent b | ? Level -eq Critical).Message")
        #expect(messages.hasPrefix("1\t") && messages.contains("(process \(worker)) died"), "\(messages)")
        for name in ["a", "c"] {
            #expect(try shell.value("(Get-VM \(name)).State") == "Running")
            #expect(try isCounting(shell, name))
        }
        #expect(try shell.command("Start-VM b").status == 0)
        #expect(try isCounting(shell, "b"))
    }

    @Test("a stopped worker does not hold up Get-VM, and -TurnOff -Force ends it")
    func stopped() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        for name in ["a", "b"] { try shell.makeMachine(name, running: .counting) }
        #expect(try shell.command("Start-VM a, b").status == 0)
        let worker = try shell.worker(of: "a")
        kill(worker, SIGSTOP)
        defer { kill(worker, SIGCONT) }
        let listing = try shell.begin(["-c", "Get-VM"]).end(within: 8)
        #expect(listing.ending == .exited(0))
        #expect(listing.output.contains("Worker does not answer (process \(worker))"), "\(listing.output)\(listing.errors)")
        #expect(try isCounting(shell, "b"))
        let end = try shell.begin(["-c", "Stop-VM a -TurnOff -Force"]).end(within: 20)
        #expect(end.ending == .exited(0), "\(end.errors)")
        #expect(try shell.value("(Get-VM a).State") == "Off")
        #expect(try shell.value("#(Get-VMEvent a | ? Level -eq Critical)") == "1")
        #expect(try shell.command("Start-VM a").status == 0)
    }

    @Test("two shells start one machine at once: one does, the other is told")
    func raced() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .counting)
        for round in 0..<4 {
            let runs = try (0..<2).map { _ in try shell.begin(["-c", "Start-VM a"]) }.map { $0.end(within: 30) }
            // The module's Start-VM on a machine that runs already only warns.
            let winners = runs.filter { $0.ending == .exited(0) && $0.errors.isEmpty }
            let others = runs.filter { !$0.errors.isEmpty }
            #expect(winners.count == 1 && others.count == 1, "round \(round): \(runs)")
            #expect(others.allSatisfy { $0.errors.contains("a") && $0.ending != nil }, "\(others)")
            #expect(try shell.value("(Get-VM a).State") == "Running")
            #expect(try shell.value("#(Get-VMEvent a | ? Kind -eq Started)") == "\(round + 1)")
            #expect(try shell.command("Stop-VM a -TurnOff -Force").status == 0)
        }
    }

    @Test("garbage on the control socket ends that connection only")
    func garbage() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .counting)
        #expect(try shell.command("Start-VM a").status == 0)
        let folder = try shell.value("(Get-VM a).Path")
        var random = SystemRandomNumberGenerator()
        let noise = (0..<5000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let texts: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), Array(repeating: 0, count: 64), Array(repeating: 255, count: 64), noise,
            [3, 0, 0, 0, 1, 0, 0, 0, 0] + Array("{x}".utf8), [2, 0, 0, 0, 2, 9, 0, 0, 0] + Array("{}".utf8),
            [0xff, 0xff, 0x0f, 0, 1, 0, 0, 0, 0] + Array("{".utf8), [5, 0, 0],
        ]
        var held: [Int32] = []
        defer { for descriptor in held { close(descriptor) } }
        for text in texts {
            let descriptor = try #require(connect(to: folder))
            _ = text.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            // Half of them stay connected and say nothing more.
            if held.count < 4 { held.append(descriptor) } else { close(descriptor) }
        }
        #expect(try shell.value("(Get-VM a).State") == "Running")
        #expect(try isCounting(shell, "a"))
        #expect(try shell.value("#(Get-VMEvent a | ? Level -eq Critical)") == "0")
        #expect(try shell.command("Suspend-VM a; Resume-VM a; Stop-VM a -TurnOff -Force").status == 0)
    }

    /// A connection to the worker of the machine in `folder`; its name is short, as it must be for a socket.
    private func connect(to folder: String) -> Int32? {
        let directory = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC)
        defer { close(directory) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "/proc/self/fd/\(directory)/control.sock".utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    @Test("a shell killed during Start-VM leaves a store that every command accepts")
    func shellKilled() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        try shell.makeMachine("a", running: .counting)
        for delay in stride(from: UInt32(1), through: 25, by: 3) {
            let starting = try shell.begin(["-c", "Start-VM a"])
            // The moment is what varies: before, during and after the worker's start.
            usleep(delay * 1000)
            starting.process.signal(SIGKILL)
            _ = starting.end(within: 5)
            #expect(try Deadline.reached(within: 10) { ["Off", "Running"].contains(try shell.value("(Get-VM a).State")) })
            let next = try shell.command("if (Get-VM a).State == 'Off' then Start-VM a end")
            // The start may have gone on between the look and the command.
            #expect(next.status == 0 || next.errors.contains("Running") || next.errors.contains("Starting"), "\(delay): \(next.errors)")
            #expect(try Deadline.reached(within: 10) { try shell.value("(Get-VM a).State") == "Running" })
            #expect(try shell.command("Set-VM a -Notes 'after \(delay)'; Stop-VM a -TurnOff -Force").status == 0)
            #expect(try shell.value("(Get-VM a).Notes") == "after \(delay)")
        }
        #expect(try shell.command("New-VM b -NoVHD; Remove-VM b -Force").status == 0)
    }
}

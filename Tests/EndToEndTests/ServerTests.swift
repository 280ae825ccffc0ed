import Foundation
import TestSupport
import Testing

private let hasServer = BuiltShell.guest.map { FileManager.default.fileExists(atPath: $0 + "/server.vhdx") } ?? false

/// The Debian server with a disk, a network and integration services, as the example shows it.
@Suite(
    "Debian server", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: hasServer, "Scripts/guest-image server was not run"))
struct ServerTests {
    @Test("the example boots it, shows what it tells, and shuts it down; nothing is left behind")
    func example() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = try #require(BuiltShell.guest)
        let before = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("debian-server") }
        let script = BuiltShell.repository.appendingPathComponent("Scripts/Examples/debian-server.lua").path
        let end = try shell.begin([script]).end(within: 400)
        try #require(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
        let text = end.output.replacing(#/ +/#, with: " ")
        for expected in [
            "The server has the address 10.77.0.", "Heartbeat : Ok",
            "GuestOperatingSystem : Debian GNU/Linux",
            "NetworkAddressIPv4=10.77.0.", "Reached target", "systemd-shutdown[1]: Powering off.", "reboot: Power down",
        ] {
            #expect(text.contains(expected), "\(expected) is missing in:\n\(end.output)")
        }
        #expect(end.errors.isEmpty, "\(end.errors)")
        #expect(try shell.value("#Get-VM(), #Get-VMSwitch()") == "0\t0")
        let after = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("debian-server") }
        #expect(Set(after) == Set(before))
    }

    @Test("a golden server's clones: named, broken, gone back with, merged, exported and imported, and no byte is lost")
    func golden() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let folder = try #require(BuiltShell.guest)
        let before = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("golden") }
        let script = BuiltShell.repository.appendingPathComponent("Scripts/Examples/golden-server.lua").path
        // Ten take as long again; LUNAVISOR_CLONES makes more of them.
        let count = ProcessInfo.processInfo.environment["LUNAVISOR_CLONES"] ?? "3"
        let end = try shell.begin([script], environment: ["LUNAVISOR_CLONES": count]).end(within: 1_200)
        try #require(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
        for expected in [
            "clone-1 reaches clone-", "gone back", "merged while it runs", "in the second store", "booted again", "All sums are equal.",
        ] {
            #expect(end.output.contains(expected), "\(expected) is missing in:\n\(end.output)")
        }
        #expect(!end.output.contains("DIFFERS"))
        #expect(try shell.value("#Get-VM(), #Get-VMSwitch()") == "0\t0")
        let after = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("golden") }
        #expect(Set(after) == Set(before))
    }
}

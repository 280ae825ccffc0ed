import Foundation
import TestSupport
import Testing

/// The scenarios that a user runs first: each passes on a Debian guest, several files at once.
@Suite(
    "Shipped scenarios", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
struct ShippedScenarioTests {
    private static let folder = BuiltShell.repository.appendingPathComponent("Scripts/Scenarios")

    @Test(
        "pass",
        arguments: [
            ["lifecycle.lua", "console.lua"], ["smp.lua", "disks.lua"], ["network.lua", "integration.lua"], ["crash.lua", "many.lua"],
            ["driverdomain.lua", "hosted.lua"], ["faults.lua"], ["faultseries.lua"],
        ])
    func pass(names: [String]) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let environment = ["LUNAVISOR_GUEST_CACHE": try #require(BuiltShell.guest), "LUNAVISOR_MACHINES": "8"]
        let paths = names.map { Self.folder.appendingPathComponent($0).path }
        let end = try shell.begin(["test", "--jobs", "2"] + paths, environment: environment).end(within: 600)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
        #expect(end.output.contains(" 0 failed, 0 pending"), "\(end.output)")
    }

    @Test(
        "pass under the other architectures, but for what these lack",
        arguments: [("Monolithic", 0), ("DriverDomain", 0), ("Hosted", 1), ("TrapAndEmulate", 4)])
    func passUnder(architecture: String, pending: Int) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let environment = ["LUNAVISOR_GUEST_CACHE": try #require(BuiltShell.guest)]
        let paths = ["lifecycle.lua", "crash.lua", "integration.lua"].map { Self.folder.appendingPathComponent($0).path }
        let end = try shell.begin(["test", "--jobs", "2", "--architecture", architecture] + paths, environment: environment)
            .end(within: 600)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
        #expect(end.output.contains(" 0 failed, \(pending) pending"), "\(end.output)")
    }

    @Test("the scenarios that the README names are there")
    func complete() throws {
        let covered: Set<String> = [
            "boot.lua", "checkpoints.lua", "console.lua", "crash.lua", "devices.lua", "disks.lua", "driverdomain.lua", "faults.lua",
            "faultseries.lua", "hosted.lua", "integration.lua", "lifecycle.lua", "many.lua", "network.lua", "server.lua", "smp.lua",
            "transfer.lua",
        ]
        let there = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".lua") }
        // A scenario of another's has a test of its own.
        #expect(covered.isSubset(of: there), "\(there)")
    }
}

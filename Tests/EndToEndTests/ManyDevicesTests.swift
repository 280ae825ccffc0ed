import TestSupport
import Testing

/// Many disks and adapters on one machine. A few here; “lunavisor test Scripts/Scenarios/devices.lua” has a hundred disks.
@Suite(
    "Many devices", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
struct ManyDevicesTests {
    @Test("a guest with four processors finds and uses disks on four controllers and eight adapters", .timeLimit(.minutes(8)))
    func disksAndAdapters() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let script = BuiltShell.repository.appendingPathComponent("Scripts/Scenarios/devices.lua").path
        let end = try shell.begin(["test", script], environment: ["LUNAVISOR_DISKS": "12"]).end(within: 400)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
        #expect(end.output.contains("3 passed, 0 failed"), "\(end.output)")
    }
}

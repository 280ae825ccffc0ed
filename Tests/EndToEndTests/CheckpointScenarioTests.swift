import TestSupport
import Testing

/// A running guest's past: checkpoints, going back, merges under it, clones.
@Suite(
    "Checkpoints of a running guest", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
struct CheckpointScenarioTests {
    @Test("the scenario of checkpoints, merges and clones")
    func scenario() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let script = BuiltShell.repository.appendingPathComponent("Scripts/Scenarios/checkpoints.lua").path
        let end = try shell.begin(["test", script]).end(within: 900)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
    }
}

import Foundation
import Glibc
import TestSupport
import Testing

private let hasServer = BuiltShell.guest.map { FileManager.default.fileExists(atPath: $0 + "/server.vhdx") } ?? false

/// A running guest's past: checkpoints, going back, merges under it, clones.
@Suite(
    "Checkpoints of a running guest", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: BuiltShell.guest != nil, "Scripts/guest-image was not run"))
struct CheckpointScenarioTests {
    private func run(_ name: String, environment: [String: String] = [:]) throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let script = BuiltShell.repository.appendingPathComponent("Scripts/Scenarios/\(name).lua").path
        let end = try shell.begin(["test", script], environment: environment).end(within: 900)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
    }

    @Test("the scenario of checkpoints, merges and clones")
    func scenario() throws { try run("checkpoints") }

    @Test("the scenario of two guests under load that go back together")
    func load() throws { try run("load") }

    @Test("the scenario of a database-like writer", .enabled(if: hasServer, "Scripts/guest-image server was not run"))
    func database() throws { try run("database") }

    @Test("the scenario of a disk that gets full", .enabled(if: SmallDisk.isPossible, "needs the right to mount a small file system"))
    func fullDisk() throws {
        let disk = try SmallDisk()
        try run("fulldisk", environment: ["LUNAVISOR_SMALL_DISK": disk.path])
    }
}

/// A file system of 200 MiB in memory for one test, where the user may mount one.
private final class SmallDisk {
    let path: String
    struct Refused: Error {}

    static let isPossible: Bool = (try? SmallDisk()) != nil

    init() throws {
        var name = Array((FileManager.default.temporaryDirectory.path + "/lunavisor-small-XXXXXX").utf8CString)
        guard mkdtemp(&name) != nil else { throw Refused() }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard mount("tmpfs", path, "tmpfs", 0, "size=200m") == 0 else {
            rmdir(path)
            throw Refused()
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }
}

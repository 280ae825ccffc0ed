import Basics
import Glibc
import Management
import Persistence
import Testing

/// Which file belongs to whom.
@Suite struct StoredFileTests {
    @Test func everyFileHasItsOwnerAndWhatIsLeftOverHasNone() throws {
        let fixture = try TransferFixture()
        let files = try fixture.test.host.storedFiles()
        func file(_ path: String) -> StoredFile? { files.first { $0.path == path } }
        #expect(file(fixture.path("base.vhdx"))?.kind == .image)
        #expect(file(fixture.path("own.vhdx"))?.checkpoints == ["first", "second"])
        #expect(file(fixture.test.path(fixture.machine, "configuration.json"))?.kind == .configuration)
        let now = try #require(try fixture.machine.configuration().drives.first?.drive.path)
        #expect(file(now)?.kind == .disk && file(now)?.checkpoints == [])
        #expect(files.allSatisfy { $0.machine == fixture.machine && !$0.isMissing && $0.size > 0 || $0.kind == .log })

        // What nothing refers to, and what was cut off.
        let left = [fixture.path("old_1.avhdx"), fixture.path("new.vhdx.partial-1"), fixture.test.host.storePath + "/.partial-x"]
        for path in left { close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)) }
        unlink(fixture.path("second.vhd"))
        let after = try fixture.test.host.storedFiles()
        #expect(Set(after.filter { $0.machine == nil }.map(\.path)) == Set(left))
        #expect(after.filter(\.isMissing).map(\.path) == [fixture.path("second.vhd")])
        #expect(try fixture.test.host.storedFiles(of: [fixture.machine]).allSatisfy { $0.machine != nil })
    }
}
